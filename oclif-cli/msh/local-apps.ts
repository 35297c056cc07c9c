import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import {
  CliError,
  escapeText,
  type HubClient,
  makePrivateFolder,
  readPrivateFile,
  writePrivateFile,
} from '@mezite/cli'
import type { Identity } from '@mezite/cli/identity'
import { relaySocket, resetSocket } from '@mezite/core/protocol'
import { type FoundApp, findApp } from './app-lookup.ts'
import { guardPort } from './browser-guard.ts'
import { confirmationsFor, confirmInBrowser, NEEDS_PASSKEY } from './confirmation.ts'
import { serveHttp } from './http-listener.ts'
import type { HubConnection } from './hub-connection.ts'
import type { AppProtocol } from './hub-stream.ts'
import { createOwnerCheck } from './owner-check.ts'
import { Refusal } from './refusal.ts'

/** The only address on which msh listens. */
export const LOOPBACK = '127.0.0.1'
const REPEAT_MS = 1_000

/** An app and its port on this machine. */
export interface OpenApp {
  readonly app: string
  readonly protocol: AppProtocol
  readonly port: number
}

/**
 * Connects to the hub, checks access to every app, and then listens. Throws `CliError` for the first app that the user
 * cannot open; no port is open then. After an error the caller closes the hub connection.
 */
export async function openApps(options: {
  readonly apps: readonly string[]
  /** The port of a single app; null for the port of the previous run, or a free one. */
  readonly port: number | null
  readonly identity: Identity
  readonly client: HubClient | null
  readonly hub: HubConnection
  readonly ports: PortMemory
  readonly note: (text: string) => void
}): Promise<readonly OpenApp[]> {
  const { apps, identity, client, hub, ports, note } = options
  await hub.connect()
  const found: FoundApp[] = []
  // One after the other, because each may need its own page.
  for (const app of apps) found.push(await findOrConfirm({ app, client, hub, identity }))
  const opened: OpenApp[] = []
  const ownerOf = createOwnerCheck()
  const admits = async (socket: Socket): Promise<boolean> => {
    const owner = await ownerOf(socket)
    if (owner === 'other')
      note(`a program of another user tried to use port ${socket.localPort}; msh closed its connection.`)
    return owner === 'own'
  }
  for (const { app, protocol, publicHost } of found) {
    const create = (): Server =>
      protocol === 'tcp'
        ? serveTcp({ app, hub, note, admits })
        : serveHttp({ app, publicHost, hub, admits, confirm: confirmationsFor(app, identity, note) })
    const port = await listen(create, options.port, ports.get(identity.proxy.name, app))
    try {
      ports.put(identity.proxy.name, app, port)
    } catch (error) {
      note(`warning: cannot remember the port of ${app}: ${(error as Error).message}`)
    }
    opened.push({ app, protocol, port })
  }
  return opened
}

/** Finds an app; one that needs a passkey is found again after a confirmation in the browser. Throws `CliError`. */
async function findOrConfirm(options: {
  readonly app: string
  readonly client: HubClient | null
  readonly hub: HubConnection
  readonly identity: Identity
}): Promise<FoundApp> {
  const { app, client, identity } = options
  const fail = (error: unknown): never => {
    throw error instanceof Refusal ? error.toCliError() : error
  }
  try {
    return await findApp(options)
  } catch (error) {
    // An identity file is for jobs, which have no browser.
    const confirmable = error instanceof Refusal && error.reason === NEEDS_PASSKEY && client !== null
    if (!confirmable || !(await confirmInBrowser(app, identity))) return fail(error)
  }
  return findApp(options).catch(fail)
}

/** A requested port must be free; the port of the previous run may be in use by now. */
async function listen(create: () => Server, requested: number | null, last: number | null): Promise<number> {
  if (requested !== null) return listenOn(create(), requested)
  try {
    if (last !== null) return await listenOn(create(), last)
  } catch (error) {
    if (!(error instanceof CliError && error.code === 'MEZ_PORT_UNAVAILABLE')) throw error
  }
  return listenOn(create(), 0)
}

/** Listens on a port of 127.0.0.1 (0: a free one) and returns its number. Throws `MEZ_PORT_UNAVAILABLE`. */
export function listenOn(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      const why =
        cause.code === 'EADDRINUSE'
          ? 'another program uses it'
          : cause.code === 'EACCES'
            ? 'this user may not listen there'
            : cause.message
      reject(new CliError('MEZ_PORT_UNAVAILABLE', `cannot listen on ${LOOPBACK}:${port}: ${why}`, { cause }))
    }
    server.once('error', failed)
    server.listen(port, LOOPBACK, () => {
      server.removeListener('error', failed)
      server.on('error', () => {})
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** Remembers in `<dir>/ports.json` which port an app of a hub had, so that it gets the same port the next time. */
export interface PortMemory {
  get(hub: string, app: string): number | null
  /** Throws if the file cannot be written, for example on a read-only file system. */
  put(hub: string, app: string, port: number): void
}

/** A port memory in the folder. A damaged file counts as empty. */
export function createPortMemory(dir: string): PortMemory {
  const file = join(dir, 'ports.json')
  function load(): Record<string, unknown> {
    try {
      const stored: unknown = JSON.parse(readPrivateFile(file) ?? '{}')
      return typeof stored === 'object' && stored !== null ? { ...stored } : {}
    } catch {
      return {}
    }
  }
  return {
    get(hub, app) {
      const port = load()[`${hub}/${app}`]
      return typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536 ? port : null
    },
    put(hub, app, port) {
      const stored = load()
      if (stored[`${hub}/${app}`] === port) return
      makePrivateFolder(dir)
      writePrivateFile(file, `${JSON.stringify({ ...stored, [`${hub}/${app}`]: port }, null, 2)}\n`)
    },
  }
}

/** Writes remarks, escaped. The same remark is written at most once a second: a thousand connections can fail alike. */
export function createNotes(write: (text: string) => void): (text: string) => void {
  const recent = new Map<string, number>()
  return (text) => {
    const now = performance.now()
    for (const [other, at] of recent) if (now - at > REPEAT_MS) recent.delete(other)
    if (recent.has(text)) return
    recent.set(text, now)
    write(escapeText(text))
  }
}

/**
 * A server that relays each connection to a TCP app, not yet listening. Half-close, resets and back-pressure pass in both
 * directions. A refused connection is reset and reported through `note`.
 */
function serveTcp(options: {
  readonly app: string
  readonly hub: Pick<HubConnection, 'open'>
  readonly note: (text: string) => void
  readonly admits: (socket: Socket) => Promise<boolean>
}): Server {
  const { app, hub, note, admits } = options
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  server.on('connection', async (socket) => {
    const closed = new AbortController()
    socket.on('error', () => socket.destroy())
    socket.once('close', () => closed.abort())
    if (!(await admits(socket))) return resetSocket(socket)
    const { localPort = 0 } = socket
    hub.open(app, 'tcp', closed.signal).then(
      ({ pipe }) => {
        if (socket.destroyed) return pipe.destroy()
        const drop = guardPort(pipe, localPort, (what) => {
          note(`${app}: ${what} port ${localPort}; msh closed its connection.`)
          pipe.destroy()
          resetSocket(socket)
        })
        socket.once('close', drop)
        relaySocket(pipe, socket)
        socket.resume()
      },
      (error: unknown) => {
        if (closed.signal.aborted) return
        if (error instanceof Refusal) note(`${app}: connection refused: ${error.message} (${error.reason})`)
        resetSocket(socket)
      },
    )
  })
  return server
}
