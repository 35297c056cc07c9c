// together: hubs
/** Which connections of the public port a full hub may close for others: all on which nobody has proved who they are. */
import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { makeKeyRequest } from '../../../agent/certificate-request.ts'
import type { Identity } from '../../../agent/identity-store.ts'
import { connectExpired, connectPinned, joinCluster } from '../../../agent/join.ts'
import { createTestHub } from '../../../core/testing/index.ts'
import { connectHub } from '../../../core/wire/hub-connection.ts'
import { joinToken } from '../../e2e/start-agent.ts'
import { until } from '../../until.ts'

const host = 'hub.mezite.localhost'
const CONNECTIONS = 12

/** A connection, by the outermost thing that notices its end. */
type Open = Pick<Socket, 'destroyed'> & { destroy(): void }

const options = {
  skip: process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8',
  timeout: 240_000,
}

t.test(
  'R193 a full port closes each kind of connection until its client has proved who it is',
  options,
  async (t) => {
    const hub = await createTestHub({ config: { proxy: { limits: { connections: CONNECTIONS } } } })
    t.teardown(() => hub.stop())
    const { public: port } = hub.ports
    const { token, ca_pin: caPin } = await joinToken(hub.api, 'node-1')

    const dial = (localAddress: string): Socket => {
      const socket = connectTcp({ port, host: '127.0.0.1', localAddress })
      socket.on('error', () => {})
      return socket
    }
    const secure = async (from: string, ...ALPNProtocols: string[]): Promise<Open> => {
      const socket = connectTls({
        socket: dial(from),
        servername: host,
        rejectUnauthorized: false,
        ALPNProtocols,
      })
      socket.on('error', () => {})
      await once(socket, 'secureConnect', { signal: AbortSignal.timeout(60_000) })
      // Only a socket that is read notices its end.
      return socket.resume()
    }
    /** Sends one request of an agent, and reads nothing of the body of its response, so that the hub cannot close. */
    const ask = async (session: ClientHttp2Session, path: string, body: object): Promise<number> => {
      session.on('error', () => {})
      const stream = session.request({ ':method': 'POST', ':path': path })
      stream.on('error', () => {})
      stream.end(JSON.stringify(body))
      const [headers] = await once(stream, 'response', { signal: AbortSignal.timeout(60_000) })
      return headers[':status']
    }
    const settings = { initialWindowSize: 0 }
    const joining = async (from: string, secret: string, hostname: string): Promise<Open> => {
      const socket = await connectPinned({ carrier: dial(from), host, caPin })
      const session = connectHttp2('https://hub', { createConnection: () => socket, settings })
      const { csr } = await makeKeyRequest(hostname)
      const status = await ask(session, '/v1/join', { token: secret, csr, hostname })
      t.equal(status, secret === 'wrong' ? 400 : 200, 'the hub answered the request to join')
      return session
    }
    const joined: Identity = await joinCluster({
      connect: () => connectPinned({ carrier: dial('127.0.0.1'), host, caPin }),
      token,
      hostname: 'node-1',
      request: await makeKeyRequest('node-1'),
    })

    const rows: readonly (readonly [
      what: string,
      fate: 'closed' | 'kept',
      open: (from: string) => Promise<Open>,
    ])[] = [
      ['nothing sent', 'closed', async (from) => dial(from).resume()],
      ['a browser without a sign-in, HTTP/1.1', 'closed', (from) => secure(from, 'http/1.1')],
      ['a browser without a sign-in, HTTP/2', 'closed', (from) => secure(from, 'h2')],
      ['a client without ALPN', 'closed', (from) => secure(from)],
      ['a joiner that has shown nothing', 'closed', (from) => secure(from, 'mezite-join/1')],
      ['a joiner with a wrong token', 'closed', (from) => joining(from, 'wrong', 'node-2')],
      [
        'a joiner with a certificate that has sent no request',
        'closed',
        async (from) => {
          return (await connectExpired(dial(from), host, joined)).resume()
        },
      ],
      [
        'a joiner whose token is accepted',
        'kept',
        async (from) => joining(from, (await joinToken(hub.api, 'node-2')).token, 'node-2'),
      ],
      [
        'an agent whose certificate is accepted for a renewal',
        'kept',
        async (from) => {
          const socket = await connectExpired(dial(from), host, joined)
          const session = connectHttp2('https://hub', { createConnection: () => socket, settings })
          const { csr } = await makeKeyRequest('node-1')
          t.equal(await ask(session, '/v1/renew', { csr }), 200)
          return session
        },
      ],
      [
        'an agent whose certificate is accepted for a tunnel',
        'kept',
        async (from) => {
          const { hubCa, clusterName, key, certificate } = joined
          const socket = await connectHub({
            carrier: dial(from),
            host,
            alpn: ['mezite-tunnel/1'],
            hubCa,
            clusterName,
            key,
            certificate,
          })
          await once(socket, 'data', { signal: AbortSignal.timeout(60_000) })
          return socket.resume()
        },
      ],
    ]

    for (const [index, [what, fate, open]] of rows.entries()) {
      const network = `127.60.${index}`
      const sockets: Open[] = []
      const under = await open(`${network}.1`)
      sockets.push(under)
      // The oldest connection of the largest group is the one that has to go.
      for (const last of [2, 3]) sockets.push(await secure(`${network}.${last}`, 'h2'))
      for (let n = sockets.length; n < CONNECTIONS; n++) sockets.push(await secure(`127.61.${n}.1`, 'h2'))
      sockets.push(await secure('127.62.0.1', 'h2'))
      t.pass(`${what}: a newcomer is served`)
      const [, second] = sockets as [Open, Open]
      await until(() => under.destroyed || second.destroyed, 'the hub has made room')
      t.equal(under.destroyed ? 'closed' : 'kept', fate, what)
      for (const socket of sockets) socket.destroy()
      await pause(100)
    }
  },
)
