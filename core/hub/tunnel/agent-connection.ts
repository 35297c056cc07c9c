import { type ClientHttp2Session, type ClientSessionOptions, connect } from 'node:http2'
import type { TLSSocket } from 'node:tls'

/**
 * Opens an HTTP/2 session to an agent on the connection that the agent opened. When the peer announces its origins
 * (RFC 8336), Node.js builds a URL from the connection's server name and throws outside of any handler if the name is not
 * valid. The agent chose that name, so it is replaced.
 */
export function connectAgent(socket: TLSSocket, options: ClientSessionOptions): ClientHttp2Session {
  ;(socket as { servername?: string | false | null }).servername = 'agent'
  return connect('https://agent', { createConnection: () => socket, ...options })
}
