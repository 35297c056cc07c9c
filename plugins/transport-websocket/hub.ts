import { defineHubPlugin } from '@mezite/core'
import { transports } from '@mezite/core/protocol'
import { WebSocketServer } from 'ws'
import { carrierOf, PATH, webSocketOptions } from './carrier.ts'

/** Accepts WebSockets of agents at one path of the hub's own host. */
export default defineHubPlugin({
  name: 'transport-websocket',
  api: 1,
  summary: 'Carries tunnels in WebSockets on the hub’s own host',
  provides: { transports },
  setup({ provide }) {
    const server = new WebSocketServer({ noServer: true, ...webSocketOptions })
    provide.transports({
      name: 'websocket',
      path: {
        path: PATH,
        upgrade(request, socket, head, deliver) {
          // Browsers always send it, agents never do.
          if (request.headers.origin !== undefined) {
            socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
            return
          }
          server.handleUpgrade(request, socket, head, (made) => deliver(carrierOf(made)))
        },
      },
    })
  },
})
