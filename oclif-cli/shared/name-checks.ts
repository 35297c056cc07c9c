import * as Flags from '@oclif/core/flags'
import { CliError, didYouMean } from './cli-error.ts'
import type { HubClient } from './hub-client.ts'
import { listOf, nameOf, type Resource } from './resource.ts'

/** The flag of every command that checks names. */
export const strictFlag = {
  strict: Flags.boolean({ description: 'Fail instead of warning about names that do not exist' }),
}

const BUILT_IN_ROLES = ['admin', 'access']
const ROLE_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/

/** `a,b` as a list without empty and repeated entries. */
function parseList(text: string): string[] {
  return [...new Set(text.split(',').map((part) => part.trim()))].filter((part) => part !== '')
}

/** `--roles a,b` as a list. Throws `MEZ_USAGE_WRONG` for a text that cannot be the name of a role. */
export function parseRoles(text: string): string[] {
  const roles = parseList(text)
  const wrong = roles.find((role) => !ROLE_NAME.test(role))
  if (wrong === undefined) return roles
  throw new CliError('MEZ_USAGE_WRONG', `--roles: ${JSON.stringify(wrong)} is not a valid role name`, {
    hint: 'Use small letters, digits, ".", "_" and "-", at most 63; start with a letter or a digit.',
  })
}

/** A problem for each role that does not exist. Empty if the hub does not list its roles to the caller. */
export async function unknownRoles(client: HubClient, roles: readonly string[]): Promise<string[]> {
  const documents = await listOrNull<Resource>(client, '/roles')
  if (documents === null || roles.length === 0) return []
  const known = [...BUILT_IN_ROLES, ...documents.map(nameOf)]
  const unknown = roles.filter((role) => !known.includes(role))
  return Promise.all(
    unknown.map(
      async (role) => `role ${role} does not exist, so it grants nothing.${await didYouMean(role, known)}`,
    ),
  )
}

/** A list of the hub; null if it cannot be read, in which case names are not checked. */
export async function listOrNull<T>(client: HubClient, target: string): Promise<readonly T[] | null> {
  try {
    return listOf<T>(await client.call('GET', target))
  } catch {
    return null
  }
}
