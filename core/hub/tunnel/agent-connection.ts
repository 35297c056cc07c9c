import { type ClientHttp2Session, type ClientSessionOptions, connect } from 'node:http2'
import type { TLSSocket } from 'node:tls'

/**
 * HTTP/2 towards an agent, on the connection that it made. When the peer announces its origins (RFC 8336), Node.js builds a
 * URL from the connection's server name and throws outside of any handler if the name does not fit. The agent has chosen
 * that name, so it is replaced.
 */
export function connectAgent(socket: TLSSocket, options: ClientSessionOptions): ClientHttp2Session {
  ;(socket as { servername?: string | false | null }).servername = 'agent'
  return connect('https://agent', { createConnection: () => socket, ...options })
}
