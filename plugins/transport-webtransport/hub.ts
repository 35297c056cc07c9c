import { defineHubPlugin } from '@mezite/core'
import { transports } from '@mezite/core/protocol'
import { type CarrierServer, createCarrierServer, hasHttp3, PATH } from './web-transport.ts'

/** Accepts WebTransport sessions of agents, over HTTP/2, at one path of the hub's own host. */
export default defineHubPlugin({
  name: 'transport-webtransport',
  api: 1,
  summary: 'Carries tunnels in WebTransport streams on the hub’s own host',
  provides: { transports },
  setup({ provide, log }) {
    let server: Promise<CarrierServer> | undefined
    async function start(): Promise<CarrierServer> {
      log.info({ http3: await hasHttp3() }, 'WebTransport is in use over HTTP/2')
      return createCarrierServer()
    }
    provide.transports({
      name: 'webtransport',
      path: {
        path: PATH,
        connect({ stream, headers, took }, deliver) {
          stream.on('error', () => {})
          if (headers[':protocol'] !== 'webtransport') {
            stream.respond({ ':status': 501 }, { endStream: true })
            return
          }
          // Loaded for the first agent that uses it.
          server ??= start()
          server.then(
            ({ accept }) => {
              accept(stream, headers, deliver)
              stream.on('data', (chunk: Buffer) => took(chunk.length))
            },
            (error: Error) => {
              log.error({ error: error.message }, 'failed to load WebTransport')
              stream.destroy()
            },
          )
        },
      },
    })
  },
})
