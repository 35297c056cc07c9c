import { once } from 'node:events'
import { connect as connectHttp2, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type ConnectionOptions, connect } from 'node:tls'
import { queryObjects } from 'node:v8'
import { frame, PING, PREFACE } from './raw-http2.ts'

/** Breaks HTTP/2 on a new connection, whose first frame is no SETTINGS, and leaves before anything comes back. */
export async function leaveAtOnce(options: ConnectionOptions): Promise<void> {
  const socket = connect(options)
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  socket.write(Buffer.concat([PREFACE, frame(PING, 0, 0, Buffer.alloc(8))]))
  await new Promise((resolve) => setImmediate(resolve))
  socket.destroy()
}

/** How many HTTP/2 sessions of servers this process has in memory; each call collects garbage first. */
export const sessionCounter = (): Promise<() => number> => counterOf('session')

/** The same of their streams. */
export const streamCounter = (): Promise<() => number> => counterOf('stream')

async function counterOf(event: 'session' | 'stream'): Promise<() => number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  client.on('error', () => {})
  client.request().on('error', () => {})
  const [one] = (await once(server, event)) as [object]
  client.destroy()
  server.close()
  const Kind = one.constructor as new () => object
  return () => queryObjects(Kind, { format: 'count' }) as unknown as number
}
