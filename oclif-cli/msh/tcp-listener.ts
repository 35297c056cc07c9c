import { createServer, type Server } from 'node:net'
import { relaySocket, resetSocket } from '@mezite/core/protocol'
import { keepPagesOut } from './browser-guard.ts'
import type { HubLine } from './hub-connection.ts'
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
        const forget = keepPagesOut(pipe, localPort, (what) => {
          note(`${app}: ${what} port ${localPort}; its connection was closed.`)
          pipe.destroy()
          resetSocket(socket)
        })
        socket.once('close', forget)
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
