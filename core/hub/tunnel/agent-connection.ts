import { type ClientHttp2Session, type ClientSessionOptions, connect } from 'node:http2'
import type { TLSSocket } from 'node:tls'

/**
 * HTTP/2 towards an agent, on the connection that it has made. Node.js makes a URL of the connection's server name when
 * the peer tells of its origins (RFC 8336), and throws where nobody can catch it when that is none. The agent has chosen
 * the name, so it is replaced.
 */
export function connectAgent(socket: TLSSocket, options: ClientSessionOptions): ClientHttp2Session {
  ;(socket as { servername?: string | false | null }).servername = 'agent'
  return connect('https://agent', { createConnection: () => socket, ...options })
}
