import { escapeText, type HubClient } from '@mezite/cli-shared'
import { listOf, nameOf, type Resource } from './resource.ts'

const BUILT_IN = ['admin', 'access']

/** What to say of roles that nothing describes, since they grant nothing; null: all are known, or the hub cannot tell. */
export async function unknownRoles(client: HubClient, roles: readonly string[]): Promise<string | null> {
  const found = await client.call('GET', '/roles').catch(() => null)
  if (found === null) return null
  const known = [...BUILT_IN, ...listOf<Resource>(found).map(nameOf)]
  const unknown = roles.filter((role) => !known.includes(role))
  if (unknown.length === 0) return null
  const what =
    unknown.length === 1
      ? `is no role ${unknown[0]}, so it grants`
      : `are no roles ${unknown.join(', ')}, so they grant`
  return escapeText(`note: there ${what} nothing yet. mezctl roles ls lists what there is.`)
}
