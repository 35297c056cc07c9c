import { defineHubPlugin } from '@mezite/core'
import { transports } from '@mezite/core/protocol'
import { Framed, PATH } from './framed.ts'

/** Accepts tunnels that agents send in frames after an HTTP upgrade at one path of the hub's own host. */
export default defineHubPlugin({
  name: 'framed-transport',
  api: 1,
  summary: 'Carries tunnels in frames',
  provides: { transports },
  setup({ provide }) {
    provide.transports({
      name: 'framed-transport',
      path: {
        path: PATH,
        upgrade(_request, socket, head, deliver) {
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: framed\r\n\r\n')
          if (head.length > 0) socket.unshift(head)
          deliver(new Framed(socket))
        },
      },
    })
  },
})
