import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { COOKIE } from './gateway.ts'
import { APP_HOST, HUB_HOST } from './open-public-port.ts'
import type { RequestCase } from './request-case.ts'

const LONGEST_MS = 60_000
const NO_RESPONSE_MS = 200

/** A case as one of the public port's hosts is sent it, with a sound request that follows on the same connection. */
export function fillCase({ bytes }: RequestCase, at: number, side: 'app' | 'hub') {
  const host = side === 'app' ? APP_HOST : HUB_HOST
  const path = side === 'app' ? `/case-${at}` : `/open/case-${at}`
  const fill = (text: string) =>
    text
      .replaceAll('{host}', host)
      .replaceAll('{path}', path)
      .replaceAll('{cookie}', side === 'app' ? COOKIE : 'a=b')
  const marker = 'GET {path}-marker HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n'
  return {
    host,
    path,
    bytes: fill(bytes),
    marker: fill(marker),
    /** An address of its own: what one client does must not change what another gets. */
    from: `127.${side === 'app' ? 1 : 2}.${at >> 7}.${(at & 127) + 1}`,
  }
}

/**
 * Sends bytes over TLS from an address of 127.0.0.0/8: everything that came until the connection closed, and whether the
 * server failed to close it. Sends `more` when the first bytes of a response have come, or none come.
 */
export async function talk(port: number, host: string, from: string, bytes: string, more = '') {
  const socket: TLSSocket = connect({
    socket: connectTcp({ port, host: '127.0.0.1', localAddress: from }),
    servername: host,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  })
  socket.on('error', () => {})
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  let late = false
  const timer = setTimeout(() => {
    late = true
    socket.destroy()
  }, LONGEST_MS)
  await once(socket, 'secureConnect')
  const closed = once(socket, 'close')
  socket.write(bytes, 'latin1')
  if (more !== '') {
    const signal = AbortSignal.timeout(NO_RESPONSE_MS)
    await Promise.race([closed, once(socket, 'data', { signal }).catch(() => {})])
    if (!socket.destroyed) socket.write(more, 'latin1')
  }
  await closed
  clearTimeout(timer)
  const text = Buffer.concat(chunks).toString('latin1')
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
  return { late, text, statuses }
}

export function pathsOf(requests: readonly string[]): string[] {
  return requests.map((request) => request.split(' ', 2).join(' '))
}
