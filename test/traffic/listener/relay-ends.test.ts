/** How connections that one hub hands on to another come to their end: together, and never by themselves. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { mock } from 'node:test'
import t from 'tap'
import { createRelay } from '../../../core/traffic/listener/hub-relay.ts'

/** A listening server and the connections that reach it. */
async function listen() {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return {
    address: { host: '127.0.0.1', port },
    async next(): Promise<Socket> {
      const [socket] = (await once(server, 'connection')) as [Socket]
      socket.on('error', () => {})
      t.teardown(() => socket.destroy())
      return socket
    },
  }
}
const [front, hub] = [await listen(), await listen()]
const header = Buffer.from('from me')
const failed: string[] = []
const other = { kind: 'other', id: 'hub-2', address: hub.address, header } as const
/** One whose name is never found. */
const hanging = { ...other, id: 'hanging', address: { ...hub.address, host: 'hub', lookup() {} } }
const startRelay = () => createRelay(({ id }) => void failed.push(id))

/** A client, and its connection as the front has it. */
async function dial() {
  const arrives = front.next()
  const client = connect(front.address)
  client.on('error', () => {})
  t.teardown(() => client.destroy())
  return { client, socket: await arrives }
}

/** A client whose connection has been handed on, and where that arrived. */
async function handedOn(relay = startRelay()) {
  const { client, socket } = await dial()
  const arrives = hub.next()
  relay.handOn(socket, other)
  const there = await arrives
  await once(there, 'data')
  return { client, socket, there }
}

/** Time stands still for the relay, but for what the test lets pass. */
t.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
t.afterEach(() => mock.timers.reset())

t.test('a side that closes ends the other too, and is not counted as an unreachable hub', async (t) => {
  const first = await handedOn()
  first.client.resetAndDestroy()
  await once(first.there, 'close')
  const second = await handedOn()
  second.there.resetAndDestroy()
  await once(second.client.resume(), 'close')
  t.same(failed, [])
})

t.test('a hub that does not respond is given up after 5 s, and one that responds is kept', async (t) => {
  const { client, there } = await handedOn()
  const lost = await dial()
  const relay = startRelay()
  relay.handOn(lost.socket, hanging)
  mock.timers.tick(4_999)
  t.same(failed, [])
  mock.timers.tick(1)
  await once(lost.client.resume(), 'close')
  t.same(failed.splice(0), ['hanging'])
  there.write('still here')
  t.equal(String((await once(client, 'data'))[0]), 'still here')
})

t.test('a client that leaves early does not mark the other hub as unreachable', async (t) => {
  const { client, socket } = await dial()
  startRelay().handOn(socket, hanging)
  const gone = once(socket.resume(), 'close')
  client.destroy()
  await gone
  mock.timers.tick(5_000)
  await new Promise(setImmediate)
  t.same(failed, [])
})

t.test('the last bytes of a hub wait at most 5 s for a client that does not read', async (t) => {
  const unread: (() => void)[] = []
  const hear = async () => {
    const closing = Promise.withResolvers<void>()
    const socket = Object.assign(
      new Duplex({ read() {}, write: (_chunk, _encoding, done) => void unread.push(done) }),
      {
        end(finished?: unknown) {
          Reflect.apply(Duplex.prototype.end, socket, [])
          if (typeof finished === 'function') {
            socket.once('finish', () => finished())
            closing.resolve()
          }
          return socket
        },
      },
    )
    const arrives = hub.next()
    startRelay().handOn(socket as unknown as Socket, other)
    const there = await arrives
    there.resume()
    there.end('why')
    await closing.promise
    return socket
  }
  const [reads, never] = [await hear(), await hear()]
  mock.timers.tick(4_999)
  t.notOk(reads.destroyed)
  unread[0]!()
  await once(reads, 'close')
  t.notOk(never.destroyed)
  mock.timers.tick(1)
  t.ok(never.destroyed)
})

t.test('a relay is drained once its clients have left, or when the time is over', async (t) => {
  const relay = startRelay()
  const left = await handedOn(relay)
  const gone = once(left.socket, 'close')
  left.client.destroy()
  await gone
  await relay.drain(new AbortController().signal)
  const { client } = await handedOn(relay)
  await relay.drain(AbortSignal.abort())
  const late = new AbortController()
  const draining = relay.drain(late.signal)
  late.abort()
  await draining
  t.notOk(client.destroyed)
})
