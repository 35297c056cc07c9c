import { chmod, mkdir, unlink } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { Subject } from '../../api/subject.ts'
import { MezError } from '../../kernel/error.ts'

/** Whoever can open the admin socket. */
export const operator: Subject = Object.freeze({
  user: 'operator@socket',
  roles: ['admin'],
  kind: 'operator',
  sessionId: null,
  satisfied: [],
})

const PROBE_MS = 1_000

/**
 * Listens on the unix socket `path` with mode 0600, in a directory made with 0700 if it is missing. A socket
 * left by a dead process is replaced. Rejects with `MEZ_SOCKET_IN_USE` when somebody listens.
 */
export async function listenAdminSocket(path: string, handler: RequestListener): Promise<Server> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  if (await answers(path)) throw new MezError('MEZ_SOCKET_IN_USE', `another mezhub listens on ${path}`)
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  const server = createServer({ headersTimeout: 15_000, requestTimeout: 60_000 }, handler)
  server.on('clientError', (_error, socket) => socket.destroy())
  // The mask makes the socket 0600 from its first moment; listen() binds synchronously.
  const mask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, () => {
        server.removeListener('error', reject)
        resolve()
      })
      process.umask(mask)
    })
  } finally {
    process.umask(mask)
  }
  server.on('error', () => {})
  await chmod(path, 0o600)
  return server
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(PROBE_MS, () => end(true))
    socket.on('connect', () => end(true))
    socket.on('error', () => end(false))
  })
}
