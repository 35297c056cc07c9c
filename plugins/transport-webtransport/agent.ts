import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { defineAgentPlugin, MezError } from '@mezite/core'
import { agentTransports, type HubTarget } from '@mezite/core/protocol'
import { AgentCarrier } from './agent-carrier.ts'
import { type Library, loadLibrary } from './library.ts'
import { PATH } from './path.ts'
import { INITIAL_SETTINGS, READ_SETTINGS } from './windows.ts'

const REFUSED = 'the hub knows neither the certificate nor the join token of this agent (404)'
/** What the hub may have in flight until the tunnel stands. */
const FIRST_WINDOW = 256 << 10

/** Dials a WebTransport session at the hub's own host, over HTTP/2. */
export default defineAgentPlugin({
  name: 'transport-webtransport',
  api: 1,
  summary: 'Connects to the hub with WebTransport',
  provides: { agentTransports },
  setup({ provide }) {
    provide.agentTransports({ name: 'webtransport', dial })
  },
})

async function dial(target: HubTarget): Promise<Duplex> {
  const { host, port, signal, connect } = target
  const library = await loadLibrary()
  const socket = await connect()
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  const abort = (): void => void socket.destroy()
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    const session = connectHttp2(`https://${authority}`, {
      maxSessionMemory: 256,
      settings: { enablePush: false, initialWindowSize: FIRST_WINDOW, customSettings: INITIAL_SETTINGS },
      remoteCustomSettings: READ_SETTINGS,
      createConnection: () =>
        connectTls({
          socket,
          ALPNProtocols: ['h2'],
          ...(isIP(host) === 0 ? { servername: host } : {}),
          // Agent and hub authenticate each other in the tunnel's own TLS; this outer TLS only has to pass.
          rejectUnauthorized: false,
        }),
    })
    return await openSession(session, socket, target, library)
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Opens the WebTransport session on an HTTP/2 connection, which is closed with the carrier. */
function openSession(
  session: ClientHttp2Session,
  socket: Duplex,
  { proof }: HubTarget,
  library: Library,
): Promise<Duplex> {
  const authorization = proof('CONNECT', PATH)
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(error)
      session.destroy()
    }
    // These stay for the life of the connection.
    session.on('error', fail)
    socket.once('close', () => fail(new Error('the connection was closed during the handshake')))
    session.once('close', () => {
      reject(new Error('the connection was closed during the handshake'))
      socket.destroy()
    })
    session.once('connect', (_session, { alpnProtocol }: { alpnProtocol?: string | false | null }) => {
      if (alpnProtocol !== 'h2')
        fail(new Error('the hub, or a balancer in front of it, does not support HTTP/2'))
    })
    session.once('remoteSettings', ({ enableConnectProtocol }) => {
      if (!enableConnectProtocol) {
        const at = 'the hub, or a balancer in front of it, does not support extended CONNECT over HTTP/2'
        return fail(new Error(at))
      }
      const stream = session.request({
        ':method': 'CONNECT',
        ':protocol': 'webtransport',
        ':scheme': 'https',
        ':path': PATH,
        authorization,
      })
      stream.on('error', fail)
      stream.once('close', () => fail(new Error('the hub closed the session')))
      stream.once('response', ({ ':status': status }) => {
        if (status === 404) return fail(new MezError('MEZ_CARRIER_REFUSED', REFUSED))
        if (status !== 200) return fail(new Error(`the hub responded with ${status}`))
        try {
          const carrier = new AgentCarrier(library, stream)
          carrier.once('close', () => session.destroy())
          resolve(carrier)
        } catch (error) {
          fail(error as Error)
        }
      })
    })
  })
}
