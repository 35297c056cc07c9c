import {
  CliError,
  didYouMean,
  type Flat,
  type HubClient,
  listOrNull,
  nameOf,
  path,
  type Resource,
  unknownRoles,
} from '@mezite/cli'

/** A problem for each agent that has never joined, and has no token to join with. */
export async function unknownAgents(client: HubClient, hostnames: readonly string[]): Promise<string[]> {
  if (hostnames.length === 0) return []
  const agents = await listOrNull<Flat>(client, '/agents')
  if (agents === null) return []
  const known = agents.map(({ hostname }) => String(hostname))
  const unknown = hostnames.filter((hostname) => !known.includes(hostname))
  if (unknown.length === 0) return []
  const awaited = (await listOrNull<Flat>(client, '/tokens'))?.map((token) => token.agent_hostname) ?? []
  return Promise.all(
    unknown
      .filter((hostname) => !awaited.includes(hostname))
      .map(async (hostname) => {
        const meant = await didYouMean(hostname, known)
        const next = ` Let it join with a token: mezctl tokens create --roles=app --agent-hostname ${hostname}`
        return `agent ${hostname} has never joined.${meant || next}`
      }),
  )
}

/** The kinds of objects that a lock can name. */
export const LOCK_KINDS = ['user', 'role', 'session', 'app', 'agent'] as const
export type LockKind = (typeof LOCK_KINDS)[number]

/** Where the objects of a kind are, and how one of them is called in a lock. */
function collectionOf(kind: LockKind, name: string): { readonly path: string; readonly prefix: string } {
  if (kind === 'user' && name.startsWith('bot:')) return { path: '/bots', prefix: 'bot:' }
  if (kind === 'user' && name.startsWith('token:')) return { path: '/api-tokens', prefix: 'token:' }
  return { path: `/${kind}s`, prefix: '' }
}
/** Collections whose objects have no address of their own. */
const LISTS_ONLY = ['/sessions', '/api-tokens']

/** A problem if a lock names an object that does not exist. */
export async function unknownLockTarget(client: HubClient, kind: LockKind, name: string): Promise<string[]> {
  if (kind === 'role') return unknownRoles(client, [name])
  const { path: collection, prefix } = collectionOf(kind, name)
  const one = collection + path`/${name.slice(prefix.length)}`
  if (!LISTS_ONLY.includes(collection) && (await exists(client, one)) !== false) return []
  const objects = await listOrNull<Resource & Flat>(client, collection)
  if (objects === null) return []
  const nameIn = (object: Resource & Flat) =>
    prefix + String(object.hostname ?? (kind === 'session' ? object.id : nameOf(object)))
  const known = objects.map(nameIn)
  if (known.includes(name)) return []
  const meant = kind === 'session' ? '' : await didYouMean(name, known)
  return [`${kind} ${name} does not exist.${meant}`]
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
