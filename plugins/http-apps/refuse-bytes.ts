import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { limits } from './limits.ts'

const codes: Readonly<Record<number, readonly [code: string, detail: string]>> = {
  400: ['request_invalid', 'The request is not valid HTTP.'],
  405: ['method_not_allowed', 'This method is not served.'],
  408: ['request_timeout', 'The request took too long.'],
  431: ['headers_too_large', 'The request is too large. Delete the cookies of this site and try again.'],
}

/** Refuses on a bare connection, where there is no request to answer, and closes it. */
export function refuseBytes(socket: Duplex, status: 400 | 405 | 408 | 431): void {
  const [code, detail] = codes[status] as readonly [string, string]
  const title = STATUS_CODES[status]
  const body = JSON.stringify({ title, status, code, detail })
  socket.on('error', () => {})
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  )
  socket.resume()
  setTimeout(() => socket.destroy(), limits.closeMs).unref()
}
