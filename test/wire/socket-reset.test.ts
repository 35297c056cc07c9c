// together: quick
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { relaySocket } from '../../core/wire/socket-relay.ts'
import { carriedBy, resetSocket } from '../../core/wire/socket-reset.ts'
import { makeAuthority } from '../oclif-cli/stand-in-authorities.ts'

/** Descriptors of TCP sockets of this process; one whose reset failed would never go. */
function sockets(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith('socket:') ? [target] : []
    } catch {
      return []
    }
  })
}

/** Both ends of one connection; the far end never reads by itself. */
async function pair(t: Test): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [far] = (await once(server, 'connection')) as [Socket]
  if (near.connecting) await once(near, 'connect')
  server.close()
  t.teardown(() => far.destroy())
  return { near, far }
}

/** Why the far end's first write fails: after RST it does, after an ordinary end it would not. */
const firstWrite = (far: Socket): Promise<string> =>
  new Promise((resolve) => {
    far.on('error', () => {})
    far.write('x', (error) => resolve((error as NodeJS.ErrnoException | null)?.code ?? 'written'))
  })

const moments: [string, (near: Socket, then: () => void) => void][] = [
  ['at once', (_near, then) => then()],
  ['in a microtask', (_near, then) => queueMicrotask(then)],
  ['in the next tick', (_near, then) => process.nextTick(then)],
  ['in the next pass', (_near, then) => void setImmediate(then)],
  ['when the end has left', (near, then) => void near.once('finish', then)],
]

t.test('a connection is reset at any point of its own end', async (t) => {
  const before = sockets()
  for (const [when, wait] of moments) {
    const { near, far } = await pair(t)
    const errors: Error[] = []
    near.on('error', (error) => errors.push(error))
    const closed = once(near, 'close')
    near.write('part')
    near.end()
    wait(near, () => resetSocket(near))
    await closed
    t.equal(await firstWrite(far), 'EPIPE', when)
    t.strictSame(errors, [], `${when}, without an error of our own`)
  }
  t.strictSame(
    sockets().filter((socket) => !before.includes(socket)),
    [],
    'no descriptor is left',
  )
})

t.test('unread bytes of the other side do not keep a connection open', async (t) => {
  const { near, far } = await pair(t)
  near.on('error', () => {})
  const closed = once(near, 'close')
  near.write(Buffer.alloc(16 << 20))
  near.end()
  setImmediate(() => resetSocket(near))
  await closed
  const failed = once(far, 'error')
  far.resume()
  t.match(await failed, [{ code: 'ECONNRESET' }])
})

t.test('TLS is reset through its carrier, even while its end is being sent', async (t) => {
  const before = sockets()
  const identity = await (await makeAuthority('Apps')).server(['localhost'])
  for (const [when, wait] of moments) {
    const server = createTlsServer({ ...identity, allowHalfOpen: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const carrier = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
    carrier.on('error', () => {})
    const near = connectTls({ socket: carrier, rejectUnauthorized: false })
    carriedBy(near, carrier)
    const errors: Error[] = []
    near.on('error', (error) => errors.push(error))
    const [far] = (await once(server, 'secureConnection')) as [TLSSocket]
    far.on('error', () => {})
    far.resume()
    const closed = once(near, 'close')
    near.write('part')
    near.end()
    wait(near, () => resetSocket(near))
    await closed
    t.match(await firstWrite(far), /^(EPIPE|ECONNRESET)$/, when)
    t.strictSame(errors, [], `${when}, without an error of our own`)
    far.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  t.strictSame(
    sockets().filter((socket) => !before.includes(socket)),
    [],
    'no descriptor is left',
  )
})

t.test('a connection that closed before it was relayed ends its stream', async (t) => {
  const { near, far } = await pair(t)
  far.destroy()
  near.destroy()
  await once(near, 'close')
  let destroyed = 0
  const unused = () => t.fail('nothing is relayed')
  const pipe = { ondata: unused, onend: unused, ondrain: unused, onclose: unused, write: () => true }
  relaySocket({ ...pipe, end: unused, pause: unused, resume: unused, destroy: () => void destroyed++ }, near)
  t.equal(destroyed, 1)
})
