import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { defineAgentPlugin, MezError } from '@mezite/core'
import { agentTransports, type HubTarget } from '@mezite/core/protocol'
import { PATH } from './path.ts'

const REFUSED = 'the hub knows neither the certificate nor the join token of this agent (404)'

/** Dials a WebSocket at the hub's own host, which web proxies and balancers allow. */
export default defineAgentPlugin({
  name: 'transport-websocket',
  api: 1,
  summary: 'Connects to the hub with a WebSocket',
  provides: { agentTransports },
  setup({ provide }) {
    provide.agentTransports({ name: 'websocket', dial })
  },
})

async function dial({ host, port, signal, connect, proof }: HubTarget): Promise<Duplex> {
  // Loaded with the first dial, because most agents use another transport.
  const [{ WebSocket }, { carrierOf, webSocketOptions }] = await Promise.all([
    import('ws'),
    import('./carrier.ts'),
  ])
  const socket = await connect()
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  return new Promise((resolve, reject) => {
    const dialled = new WebSocket(`wss://${authority}${PATH}`, {
      ...webSocketOptions,
      headers: { authorization: proof('GET', PATH) },
      createConnection: () =>
        connectTls({
          socket,
          ALPNProtocols: ['http/1.1'],
          ...(isIP(host) === 0 ? { servername: host } : {}),
          // Agent and hub authenticate each other in the tunnel's own TLS. This outer TLS only has to pass everything
          // between them, such as a proxy that decrypts, and to accept a hub with a development certificate.
          rejectUnauthorized: false,
        }),
    })
    const abort = (): void => {
      dialled.terminate()
      socket.destroy()
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    // Stays for the life of the WebSocket.
    dialled.on('error', (error) => {
      signal.removeEventListener('abort', abort)
      socket.destroy()
      reject(error)
    })
    dialled.once('unexpected-response', (_request, { statusCode }) => {
      reject(
        statusCode === 404
          ? new MezError('MEZ_CARRIER_REFUSED', REFUSED)
          : new Error(`the hub responded with ${statusCode}`),
      )
      abort()
    })
    dialled.once('open', () => {
      signal.removeEventListener('abort', abort)
      resolve(carrierOf(dialled))
    })
  })
}
