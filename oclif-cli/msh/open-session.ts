import { CliError, type HubClient } from '@mezite/cli'
import { hubClientOf, type Identity, mshHome, renewalOfLogin } from '@mezite/cli/identity'
import { createHubConnection, type HubConnection } from './hub-connection.ts'
import { createNotes, createPortMemory, type OpenApp, openApps, type PortMemory } from './local-apps.ts'

/** A connection to the hub for one run of a command. */
export interface OpenSession {
  readonly hub: HubConnection
  readonly client: HubClient | null
  /** Prints a remark, escaped, at most once a second. */
  readonly note: (text: string) => void
  /** Resolves when the login ends. */
  readonly over: Promise<CliError>
  close(): void
}

/** Prepares a connection as this identity; a bot's login renews itself meanwhile. */
export function openSession(identity: Identity, write: (text: string) => void): OpenSession {
  let latest = identity
  const renewal = renewalOfLogin(identity)
  const renew =
    renewal &&
    (async () => {
      latest = await renewal()
      return latest
    })
  const client = hubClientOf(identity, () => latest)
  const note = createNotes(write)
  const over = Promise.withResolvers<CliError>()
  const hub = createHubConnection({
    identity,
    note,
    renew,
    onEnded: over.resolve,
    hasEnded: async () => {
      try {
        await client?.call('GET', '/me', { deadlineMs: 5_000 })
        return false
      } catch (error) {
        return error instanceof CliError && error.status === 401
      }
    },
  })
  return { hub, client, note, over: over.promise, close: () => hub.close() }
}

const FORGETFUL: PortMemory = { get: () => null, put: () => {} }

/** Opens a local port for each app. Rejects with `CliError`; the caller closes the session then, too. */
export async function openForCommand(options: {
  readonly identity: Identity
  readonly apps: readonly string[]
  readonly port: number | null
  /** Whether apps get the port of the run before. */
  readonly remember: boolean
  readonly note: (text: string) => void
}): Promise<OpenSession & { readonly apps: readonly OpenApp[] }> {
  const { identity, port, remember } = options
  const session = openSession(identity, options.note)
  const ports = remember ? createPortMemory(mshHome()) : FORGETFUL
  try {
    const apps = await Promise.race([
      openApps({ ...session, apps: options.apps, identity, ports, port }),
      session.over.then((error) => {
        throw error
      }),
    ])
    return { ...session, apps }
  } catch (error) {
    session.close()
    throw error
  }
}
