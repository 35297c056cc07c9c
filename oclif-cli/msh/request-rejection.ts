import type { IncomingMessage } from 'node:http'
import { readFraming } from '@mezite/core/protocol'
import { crossOriginProblem } from './browser-guard.ts'
import type { LocalOrigin } from './http-listener.ts'

/** Status and text with which msh itself rejects a request; null if it may be forwarded. */
export function rejectionOf(
  incoming: IncomingMessage,
  { hosts, via = 'http' }: LocalOrigin,
): { readonly status: number; readonly text: string } | null {
  if (!incoming.url?.startsWith('/') && incoming.url !== '*')
    return { status: 403, text: 'This port is not a proxy.' }
  const { localPort = 0 } = incoming.socket
  const problem = crossOriginProblem(incoming.rawHeaders, localPort, hosts?.(localPort), via)
  if (problem !== null) return { status: 403, text: problem }
  if (needsUpgrade(incoming))
    return { status: 400, text: 'Connections to this port can be upgraded to websocket only.' }
  // As on the public port: Node.js accepts codings that would reach the app without being named.
  const framing = readFraming({
    http10: incoming.httpVersion === '1.0',
    length: incoming.headers['content-length'],
    encoding: incoming.headers['transfer-encoding'],
    expect: incoming.headers.expect,
  })
  return 'status' in framing ? { status: framing.status, text: framing.detail } : null
}

/**
 * Makes the target of a request to a proxy (RFC 9112 section 3.2.2) that of a request to the server, if it names the host
 * of `Host`. Returns whether it was one.
 */
export function toOriginForm(incoming: IncomingMessage): boolean {
  const [, host, rest = ''] = /^http:\/\/([^/?#]*)(.*)$/i.exec(incoming.url ?? '') ?? []
  if (host === undefined || host.toLowerCase() !== incoming.headers.host?.toLowerCase()) return false
  incoming.url = rest.startsWith('/') ? rest : `/${rest}`
  return true
}

/** Other upgrades are rejected, except those that clients can do without: see `needsUpgrade`. */
export function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * True for a request that makes no sense without another protocol, such as `Upgrade: tcp` of Docker. Clients that offer
 * HTTP/2 (`h2c`) go on with HTTP/1.1 when the server ignores it (RFC 9110 section 7.8).
 */
function needsUpgrade({ headers }: IncomingMessage): boolean {
  if (headers.upgrade === undefined || !/(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.connection ?? ''))
    return false
  return headers.upgrade.split(',').some((name) => !/^(?:h2c|websocket)$/i.test(name.trim()))
}
