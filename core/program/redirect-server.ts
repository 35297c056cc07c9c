import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parsePublicAddress } from '../api/address.ts'
import { listen } from '../log/listening-port.ts'

/** `proxy.redirect_addr`: plain HTTP on a separate port, which only redirects to https. */
export interface RedirectServer {
  /** `onto` listens on an inherited socket instead of the address. */
  listen(onto?: (server: Server) => Promise<unknown>): Promise<{ readonly port: number }>
  close(): Promise<void>
}

/** Where an authority asks for a proof (RFC 8555, section 8.3); tokens are base64url. */
const CHALLENGE = /^\/\.well-known\/acme-challenge\/([\w-]{1,256})$/

/**
 * `originOf` returns the https origin for the value of a `Host` header; `httpChallenge` the response to a challenge for a
 * host, or null.
 */
export function createRedirectServer(
  listenAddr: string,
  originOf: (host: string) => string,
  httpChallenge: (host: string, token: string) => string | null,
): RedirectServer {
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
  server.maxConnections = 1_000
  server.on('clientError', (_error, socket) => socket.destroy())
  server.on('connect', (_request, socket) => socket.destroy())
  return {
    async listen(onto) {
      if (!onto) return listen(server, listenAddr, 'proxy.redirect_addr')
      await onto(server)
      return server.address() as AddressInfo
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        if (server.listening) server.close(() => resolve())
        else resolve()
      }),
  }
}
