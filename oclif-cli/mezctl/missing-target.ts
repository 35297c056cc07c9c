import { CliError, escapeText, type HubClient, path } from '@mezite/cli-shared'
import { type Flat, listOf } from './resource.ts'
import { unknownRoles } from './unknown-roles.ts'

/** What a lock names. */
export type LockKind = 'user' | 'role' | 'session' | 'app' | 'agent'

/** What to say of a lock on something that is not there, such as a slip; null: it is there, or the hub cannot tell. */
export async function missingTarget(client: HubClient, kind: LockKind, name: string): Promise<string | null> {
  const isMissing = {
    user: () => isUnknown(client, path`/users/${name}`),
    app: () => isUnknown(client, path`/apps/${name}`),
    agent: () => isUnknown(client, path`/agents/${name}`),
    role: async () => (await unknownRoles(client, [name])) !== null,
    session: async () =>
      !listOf<Flat>(await client.call('GET', '/sessions', {})).some(({ id }) => id === name),
  }[kind]
  if (!(await isMissing().catch(() => false))) return null
  return escapeText(`note: there is no ${kind} ${name} now; the lock holds if one appears.`)
}

async function isUnknown(client: HubClient, of: string): Promise<boolean> {
  return client.call('GET', of).then(
    () => false,
    (error: unknown) => error instanceof CliError && error.status === 404,
  )
}
