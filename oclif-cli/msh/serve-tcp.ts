import { createServer, type Server, type Socket } from 'node:net'
import { relaySocket, resetSocket } from '@mezite/core/wire'
import type { HubLine } from './hub-line.ts'
import { isForeignPage } from './judge-local-request.ts'
import { Refusal } from './refusal.ts'

/**
 * A server whose connections go to a TCP app, one stream each; it is not listening yet. Half-close, resets and
 * back-pressure pass in both directions. A refused connection is reset, with a line through `note`.
 */
export function serveTcp(options: {
  readonly app: string
  readonly line: Pick<HubLine, 'open'>
  readonly note: (text: string) => void
}): Server {
  const { app, line, note } = options
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  server.on('connection', (socket) => {
    const gone = new AbortController()
    socket.on('error', () => socket.destroy())
    socket.once('close', () => gone.abort())
    const { localPort = 0 } = socket
    line.open(app, 'tcp', gone.signal).then(
      ({ pipe }) => {
        if (socket.destroyed) return pipe.destroy()
        keepPagesOut(socket, localPort, () => {
          note(`${app}: a web page tried to use port ${localPort}; its connection was closed.`)
          pipe.destroy()
        })
        relaySocket(pipe, socket)
        socket.resume()
      },
      (error: unknown) => {
        if (gone.signal.aborted) return
        if (error instanceof Refusal)
          note(`${app}: a connection was closed: ${error.message} (${error.reason})`)
        resetSocket(socket)
      },
    )
  })
  return server
}

/** A browser can be made to send an HTTP request to any local port; to some servers its lines are commands. */
function keepPagesOut(socket: Socket, port: number, tell: () => void): void {
  socket.once('data', (first: Buffer) => {
    if (!isForeignPage(first, port)) return
    tell()
    resetSocket(socket)
  })
}
