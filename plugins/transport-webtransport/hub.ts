import { defineHubPlugin } from '@mezite/core'
import { transports } from '@mezite/core/protocol'
import { acceptCarrier } from './carrier.ts'
import { PATH } from './path.ts'
import { HUB_SETTINGS } from './windows.ts'

/** Accepts WebTransport sessions of agents, over HTTP/2, at one path of the hub's own host. */
export default defineHubPlugin({
  name: 'transport-webtransport',
  api: 1,
  summary: 'Carries tunnels in WebTransport streams on the hub’s own host',
  provides: { transports },
  setup({ provide }) {
    provide.transports({
      name: 'webtransport',
      path: {
        path: PATH,
        settings: HUB_SETTINGS,
        connect({ stream, headers, took }, deliver) {
          stream.on('error', () => {})
          const { session } = stream
          if (stream.destroyed || !session) return
          if (headers[':protocol'] !== 'webtransport') {
            stream.respond({ ':status': 501 }, { endStream: true })
            return
          }
          stream.respond({ ':status': 200 })
          acceptCarrier(stream, took, (carrier) => {
            carrier.once('close', () => session.destroy())
            deliver(carrier)
          })
        },
      },
    })
  },
})
