import { createServer, type Server } from 'node:net'
import { relaySocket, resetSocket } from '@mezite/core/protocol'
import { guardPort } from './browser-guard.ts'
import type { HubConnection } from './hub-connection.ts'
import { Refusal } from './refusal.ts'

/**
 * A server that relays each connection to a TCP app, not yet listening. Half-close, resets and back-pressure pass in both
 * directions. A refused connection is reset and reported through `note`.
 */
export function serveTcp(options: {
  readonly app: string
  readonly hub: Pick<HubConnection, 'open'>
  readonly note: (text: string) => void
}): Server {
  const { app, hub, note } = options
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  server.on('connection', (socket) => {
    const closed = new AbortController()
    socket.on('error', () => socket.destroy())
    socket.once('close', () => closed.abort())
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
