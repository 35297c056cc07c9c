import { type ClientHttp2Session, connect } from 'node:http2'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import type { ProgramLogin } from '@mezite/core/testing'

export type Login = ProgramLogin

/** TLS to a hub's public port on 127.0.0.1 as msh opens it. */
export function mshTls(port: number, who: Partial<Login>, more: ConnectionOptions = {}): TLSSocket {
  const socket = connectTls({
    host: '127.0.0.1',
    port,
    servername: 'hub.mezite.localhost',
    ...(who.hub_ca === undefined ? { rejectUnauthorized: false } : { ca: who.hub_ca }),
    ...(who.certificate === undefined ? {} : { cert: who.certificate, key: who.key }),
    ALPNProtocols: ['mezite-tcp/1'],
    // The hub shows its own name, whatever was dialled.
    checkServerIdentity: (_host, certificate) =>
      /^DNS:hub\.[a-z]+\.mezite\.internal$/.test(certificate.subjectaltname ?? '')
        ? undefined
        : new Error('not the hub'),
    ...more,
  })
  socket.on('error', () => {})
  return socket
}

/** One connection of msh on such a socket. */
export function mshSession(socket: TLSSocket): ClientHttp2Session {
  const session = connect('https://hub', {
    createConnection: () => socket,
    maxSessionMemory: 1_024,
    settings: { initialWindowSize: 4 << 20, enablePush: false },
    peerMaxConcurrentStreams: 10_000,
  })
  session.on('error', () => {})
  return session
}
