import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { silence } from '@mezite/core/protocol'
import { limits } from '../limits.ts'
import type { HubResponse } from './response.ts'

const codes = {
  400: ['request_invalid', 'The request is not valid HTTP.'],
  405: ['method_not_allowed', 'This method is not served.'],
  408: ['request_timeout', 'The request took too long.'],
} as const

/** Refuses on a bare connection, where there is no request to answer, and closes it. */
export function refuseBytes(socket: Duplex, status: keyof typeof codes): void {
  const [code, detail] = codes[status]
  const body = JSON.stringify({ title: STATUS_CODES[status], status, code, detail })
  const lines = ['Content-Type', 'application/problem+json', 'Cache-Control', 'no-store']
  respondBytes(socket, { kind: 'response', status, lines, body })
}

/** Gives an answer on a bare connection and closes it, once the client could read it. */
export function respondBytes(socket: Duplex, { status, lines, body }: HubResponse): void {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`
  for (let i = 0; i + 1 < lines.length; i += 2) head += `${lines[i]}: ${lines[i + 1]}\r\n`
  const bytes = Buffer.from(body, 'utf8')
  silence(socket)
  socket.end(
    Buffer.concat([
      Buffer.from(`${head}Content-Length: ${bytes.length}\r\nConnection: close\r\n\r\n`),
      bytes,
    ]),
  )
  setTimeout(() => socket.destroy(), limits.lingerMs).unref()
}
