import {
  CliError,
  didYouMean,
  escapeText,
  type Flat,
  type HubClient,
  listOf,
  nameOf,
  path,
  type Resource,
  type ResourceDocument,
  suggest,
} from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

/** The flag of every command that checks names. */
export const strictFlag = {
  strict: Flags.boolean({ description: 'Fail instead of warning about names that do not exist' }),
}

/** Prints the problems as warnings. With `strict` throws `MEZ_NAME_UNKNOWN` instead, so call it before the change. */
export function reportNames(
  problems: readonly string[],
  options: { readonly strict: boolean; readonly note: (text: string) => void },
): void {
  if (problems.length === 0) return
  if (options.strict) throw new CliError('MEZ_NAME_UNKNOWN', problems.join('\n'))
  for (const problem of problems) options.note(escapeText(`warning: ${problem}`))
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

/** A problem for each agent that has never joined. */
export async function unknownAgents(client: HubClient, hostnames: readonly string[]): Promise<string[]> {
  if (hostnames.length === 0) return []
  const agents = await listOrNull<Flat>(client, '/agents')
  if (agents === null) return []
  const known = agents.map(({ hostname }) => String(hostname))
  const unknown = hostnames.filter((hostname) => !known.includes(hostname))
  return Promise.all(
    unknown.map(async (hostname) => {
      const meant = await didYouMean(hostname, known)
      const next = ` Let it join with a token: mezctl tokens create --roles=app --agent-hostname ${hostname}`
      return `agent ${hostname} has never joined.${meant || next}`
    }),
  )
}

/** A problem for each role that an OpenID Connect connector maps claims to although it does not exist. */
export async function unknownMappedRoles(
  client: HubClient,
  connectors: readonly ResourceDocument[],
): Promise<string[]> {
  const roles = connectors.flatMap(({ value }) => {
    const { claims_to_roles } = value.spec as { claims_to_roles?: unknown }
    return listOf<{ roles?: unknown }>(claims_to_roles).flatMap((mapping) => listOf<unknown>(mapping?.roles))
  })
  return unknownRoles(client, [...new Set(roles.map(String))])
}

/** A problem for each label of a role that no app has. Empty while no app has a label. */
export async function unmatchedLabels(
  client: HubClient,
  roles: readonly ResourceDocument[],
): Promise<string[]> {
  const apps = await listOrNull<Resource>(client, '/apps')
  if (apps === null) return []
  const values = new Map<string, Set<string>>()
  for (const { metadata } of apps)
    for (const [key, value] of Object.entries(metadata?.labels ?? {}))
      values.set(key, (values.get(key) ?? new Set()).add(String(value)))
  if (values.size === 0) return []
  const problems: Promise<string | null>[] = []
  for (const { name, value } of roles) {
    const { allow, deny } = value.spec as Record<string, { app_labels?: Record<string, unknown> } | undefined>
    for (const [key, wanted] of [allow, deny].flatMap((rule) => Object.entries(rule?.app_labels ?? {})))
      for (const one of Array.isArray(wanted) ? wanted : [wanted])
        problems.push(unmatched(values, key, String(one)).then((text) => text && `role ${name}: ${text}`))
  }
  return (await Promise.all(problems)).filter((problem) => problem !== null)
}

async function unmatched(
  values: ReadonlyMap<string, ReadonlySet<string>>,
  key: string,
  value: string,
): Promise<string | null> {
  if (key === '*') return null
  const known = values.get(key)
  if (known === undefined) return `no app has a label "${key}".${await didYouMean(key, [...values.keys()])}`
  if (known.has(value) || value === '*' || /^\^.*\$$/.test(value)) return null
  const meant = await suggest(value, [...known])
  return `no app has the label ${key}=${value}.${meant === null ? '' : ` Did you mean ${key}=${meant}?`}`
}

/** The kinds of objects that a lock can name. */
export const LOCK_KINDS = ['user', 'role', 'session', 'app', 'agent'] as const
export type LockKind = (typeof LOCK_KINDS)[number]

/** A problem if a lock names an object that does not exist. */
export async function unknownLockTarget(client: HubClient, kind: LockKind, name: string): Promise<string[]> {
  if (kind === 'role') return unknownRoles(client, [name])
  if (kind !== 'session' && (await exists(client, `/${kind}s${path`/${name}`}`)) !== false) return []
  const objects = await listOrNull<Resource & Flat>(client, `/${kind}s`)
  if (objects === null) return []
  const known = objects.map((object) => String(object.hostname ?? object.id ?? nameOf(object)))
  if (known.includes(name)) return []
  const meant = kind === 'session' ? '' : await didYouMean(name, known)
  return [`${kind} ${name} does not exist; the lock takes effect when it appears.${meant}`]
}

/** False if the hub responds with 404; null if it does not respond. */
async function exists(client: HubClient, target: string): Promise<boolean | null> {
  try {
    await client.call('GET', target)
    return true
  } catch (error) {
    return error instanceof CliError && error.status === 404 ? false : null
  }
}

/** A list of the hub; null if it cannot be read, in which case names are not checked. */
async function listOrNull<T>(client: HubClient, target: string): Promise<readonly T[] | null> {
  try {
    return listOf<T>(await client.call('GET', target))
  } catch {
    return null
  }
}
