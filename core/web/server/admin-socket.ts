import { once } from 'node:events'
import { chmod, mkdir, unlink } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { Subject } from '../../api/subject.ts'
import { MezError } from '../../kernel/error.ts'

/** The subject of every process that can open the admin socket. */
export const operator: Subject = Object.freeze({
  user: 'operator@socket',
  roles: ['admin'],
  kind: 'operator',
  sessionId: null,
  satisfied: [],
})

const PROBE_MS = 1_000

/** Serves the admin socket on a server that `listen` makes listen. */
export async function serveAdminSocket(
  handler: RequestListener,
  listen: (server: Server) => Promise<unknown>,
): Promise<Server> {
  const server = createServer({ headersTimeout: 15_000, requestTimeout: 60_000 }, handler)
  server.on('clientError', (_error, socket) => socket.destroy())
  await listen(server)
  server.on('error', () => {})
  return server
}

/** Listens on the Unix socket `path`. Rejects like `claimSocket`. */
export const listenAdminSocket = (path: string, handler: RequestListener): Promise<Server> =>
  serveAdminSocket(handler, (server) => claimSocket(path, () => once(server.listen(path), 'listening')))

/**
 * Binds the Unix socket `path` with mode 0600, and creates its directory with mode 0700 if it is missing. Replaces the
 * socket of a process that has ended. `bind` must bind synchronously. Rejects with `MEZ_SOCKET_IN_USE` if another process
 * listens.
 */
export async function claimSocket<T>(path: string, bind: () => T): Promise<Awaited<T>> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  if (await isListening(path))
    throw new MezError('MEZ_SOCKET_IN_USE', `${path}: another mezhub listens on this socket`)
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  // The mask gives the socket mode 0600 from the start.
  const mask = process.umask(0o177)
  let bound: T
  try {
    bound = bind()
  } finally {
    process.umask(mask)
  }
  const result = await bound
  await chmod(path, 0o600)
  return result
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const end = (listening: boolean): void => {
      socket.destroy()
      resolve(listening)
    }
    socket.setTimeout(PROBE_MS, () => end(true))
    socket.on('connect', () => end(true))
    socket.on('error', () => end(false))
  })
}

/** Counts the requests of a server from now on; the returned function waits until they end or the signal aborts. */
export function drainServer(server: Server): (signal: AbortSignal) => Promise<void> {
  let open = 0
  let idle: (() => void) | undefined
  server.on('request', (_request, response) => {
    open++
    response.once('close', () => {
      open--
      if (open === 0) idle?.()
    })
  })
  return async (signal) => {
    server.closeIdleConnections()
    if (open > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        idle = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    server.closeAllConnections()
  }
}
