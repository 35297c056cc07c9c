import { createServer } from 'node:http'
import { parsePublicAddress } from '../../api/address.ts'
import { type PlainPort, plainPort } from '../../base/log/listening-port.ts'

/** Where an authority asks for a proof (RFC 8555, section 8.3); tokens are base64url. */
const CHALLENGE = /^\/\.well-known\/acme-challenge\/([\w-]{1,256})$/

/**
 * `proxy.redirect_addr`: plain HTTP on a separate port, which only redirects to https. `originOf` returns the https origin
 * for the value of a `Host` header; `httpChallenge` the response to a challenge for a host, or null.
 */
export function createRedirectServer(
  listenAddr: string,
  originOf: (host: string) => string,
  httpChallenge: (host: string, token: string) => string | null,
): PlainPort {
  const server = createServer(
    { headersTimeout: 5_000, requestTimeout: 5_000, maxHeaderSize: 32 * 1024, requireHostHeader: false },
    ({ method, url = '/', headers }, response) => {
      response.on('error', () => response.destroy())
      const [, token] = (method === 'GET' && CHALLENGE.exec(url)) || []
      const host = parsePublicAddress(headers.host ?? '')?.host
      const body = token === undefined || host === undefined ? null : httpChallenge(host, token)
      if (body !== null) {
        response.writeHead(200, { 'content-type': 'application/octet-stream', connection: 'close' })
        return void response.end(body)
      }
      const path = /^\/[\x21-\x7e]*$/.test(url) ? url : '/'
      // 308 keeps the method and the body of a form.
      response.writeHead(308, {
        location: `${originOf(headers.host ?? '')}${path}`,
        'content-length': 0,
        'cache-control': 'no-store',
        connection: 'close',
      })
      response.end()
    },
  )
  server.on('connect', (_request, socket) => socket.destroy())
  return plainPort(server, 1_000, listenAddr, 'proxy.redirect_addr')
}
