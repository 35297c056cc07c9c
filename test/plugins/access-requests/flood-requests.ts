import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { lookupLocalhost } from '../../../core/wire/localhost-lookup.ts'

const DEADLINE_MS = 60_000
const HEAD_END = '\r\n\r\n'

export interface FloodOptions {
  readonly url: string
  /** PEM of the authority to trust in addition to the usual ones. */
  readonly ca: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  /** The body of the next request; null: there are no more. */
  next(): string | null
  onStatus(status: number): void
}

/**
 * Opens connections, and returns what sends POST requests over them, one after the other on each, until there are no more.
 * It writes and reads the bytes itself: the client of Node.js takes more processor time than the hub.
 */
export async function floodRequests(options: FloodOptions): Promise<() => Promise<void>> {
  const { host, hostname, port, pathname } = new URL(options.url)
  const lines = Object.entries({ host, ...options.headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `POST ${pathname} HTTP/1.1\r\n${lines.join('')}content-length: `
  const sockets = Array.from({ length: options.connections }, () =>
    connect({
      host: hostname,
      port: Number(port),
      lookup: lookupLocalhost,
      servername: hostname,
      ALPNProtocols: ['http/1.1'],
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    }),
  )
  await Promise.all(sockets.map((socket) => once(socket, 'secureConnect')))
  return async () => {
    await Promise.all(sockets.map((socket) => send(socket, head, options)))
  }
}

function send(socket: TLSSocket, head: string, { next, onStatus }: FloodOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = ''
    const ask = () => {
      const body = next()
      if (body === null) return void socket.end(resolve)
      socket.write(`${head}${Buffer.byteLength(body)}${HEAD_END}${body}`)
    }
    socket.setEncoding('latin1')
    socket.on('error', reject).once('close', () => reject(new Error('the hub closed the connection')))
    socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('the hub does not respond')))
    socket.on('data', (bytes: string) => {
      received += bytes
      const end = received.indexOf(HEAD_END)
      if (end === -1) return
      const length = Number(/\r\ncontent-length: (\d+)\r\n/i.exec(received)?.[1])
      if (Number.isNaN(length)) return void socket.destroy(new Error(`no length in ${received}`))
      if (received.length < end + HEAD_END.length + length) return
      onStatus(Number(received.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)))
      received = ''
      ask()
    })
    ask()
  })
}
