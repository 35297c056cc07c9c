import { defineHubPlugin } from '@mezite/core'
import { transports } from '@mezite/core/protocol'
import type { createCarrierServer } from './carrier.ts'
import { PATH } from './path.ts'

/** Accepts WebSockets of agents at one path of the hub's own host. */
export default defineHubPlugin({
  name: 'transport-websocket',
  api: 1,
  summary: 'Carries tunnels in WebSockets on the hub’s own host',
  provides: { transports },
  setup({ provide }) {
    /** Loaded with the first WebSocket, because most hubs never get one. */
    let accepting: Promise<ReturnType<typeof createCarrierServer>> | undefined
    provide.transports({
      name: 'websocket',
      path: {
        path: PATH,
        upgrade(request, socket, head, deliver) {
          socket.on('error', () => socket.destroy())
          accepting ??= import('./carrier.ts').then(({ createCarrierServer }) => createCarrierServer())
          accepting.then((accept) => accept(request, socket, head, deliver)).catch(() => socket.destroy())
        },
      },
    })
  },
})
