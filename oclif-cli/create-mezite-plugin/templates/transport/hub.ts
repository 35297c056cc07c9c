import { defineHubPlugin } from '@mezite/core'
import { transports } from '@mezite/core/protocol'

/** Accepts tunnels that agents open with an HTTP upgrade at one path of the hub's own host. */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Carries tunnels behind an HTTP upgrade',
  provides: { transports },
  setup({ provide }) {
    provide.transports({
      name: 'my-plugin',
      path: {
        path: '/v1/tunnel/my-plugin',
        upgrade(_request, socket, head, deliver) {
          socket.write(
            'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: my-plugin\r\n\r\n',
          )
          if (head.length > 0) socket.unshift(head)
          // Agent and hub authenticate each other in the tunnel's own TLS, inside these bytes.
          deliver(socket)
        },
      },
    })
  },
})
