import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { hostOf } from './hub-with-acme.ts'

const AT_ONCE = 50
const DEADLINE_MS = 20_000
const HANDSHAKE = 22
const ALERT = 21

/** Names of the same length, so that one ClientHello fits all; every second one is below the domain of the apps. */
const nameAt = (at: number): string => {
  const number = String(at).padStart(6, '0')
  const own = hostOf(`flood-${number}`)
  return at % 2 === 0 ? own : `${number}.stranger.example`.padStart(own.length, 'x')
}

/** The first bytes of a TLS client for a name. */
async function clientHello(servername: string): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connectTls({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', servername })
  client.on('error', () => {})
  const [socket] = await once(server, 'connection')
  socket.on('error', () => {})
  const [hello] = await once(socket, 'data')
  client.destroy()
  socket.destroy()
  server.close()
  return hello
}

/** Opens a connection for each of as many names, and counts what came back: a certificate, an alert, or nothing. */
export async function floodNames(port: number, count: number) {
  const answers = { certificate: 0, alert: 0, closed: 0 }
  const template = await clientHello(nameAt(0))
  const at = template.indexOf(nameAt(0))
  let next = 0
  const one = (hello: Buffer) =>
    new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(hello))
      let type: number | null = null
      socket.setTimeout(DEADLINE_MS, () => socket.destroy())
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        type ??= bytes[0]!
        socket.destroy()
      })
      socket.on('close', () => {
        answers[type === HANDSHAKE ? 'certificate' : type === ALERT ? 'alert' : 'closed'] += 1
        resolve()
      })
    })
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) {
        const hello = Buffer.from(template)
        hello.write(nameAt(next++), at)
        await one(hello)
      }
    }),
  )
  return answers
}
