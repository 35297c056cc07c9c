// together: quick
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { relaySocket } from '../../core/wire/socket-relay.ts'

const BYTES = 4 << 20
const noop = (): void => {}

/** A pipe that notes what it is given to own, and what it only reads. */
function notingPipe() {
  const owned: Buffer[] = []
  const read: Buffer[] = []
  const pipe = {
    ondata: noop,
    onend: noop,
    ondrain: noop,
    onclose: noop,
    end: noop,
    destroy: noop,
    pause: noop,
    resume: noop,
    write: (chunk: Buffer) => read.push(chunk) > 0,
  }
  return { owned, read, pipe, own: (chunk: Buffer) => owned.push(chunk) > 0 }
}

/** A connection to an app that sends `bytes`. */
async function connectTo(t: Test, bytes: number): Promise<Socket> {
  const server = createServer((socket) => void socket.on('error', noop).end(Buffer.alloc(bytes, 'a')))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => {
    socket.destroy()
    server.close()
  })
  return socket
}

const total = (chunks: readonly Buffer[]): number => chunks.reduce((sum, { length }) => sum + length, 0)

t.test('large reads of a socket are owned by the pipe', async (t) => {
  const { owned, read, pipe, own } = notingPipe()
  const socket = await connectTo(t, BYTES)
  relaySocket(pipe, socket, own)
  await once(socket, 'end')
  t.equal(total(owned) + total(read), BYTES)
  t.ok(owned.length > 0)
  for (const chunk of owned) t.equal(chunk.length, chunk.buffer.byteLength, 'the whole of its memory')
})

t.test('a chunk that another listener reads is not owned', async (t) => {
  const { owned, read, pipe, own } = notingPipe()
  const socket = await connectTo(t, BYTES)
  const kept: Buffer[] = []
  socket.on('data', (chunk: Buffer) => void kept.push(chunk))
  relaySocket(pipe, socket, own)
  await once(socket, 'end')
  t.equal(owned.length, 0)
  t.equal(total(read), BYTES)
  t.equal(total(kept), BYTES)
})

t.test('chunks of a stream that may keep them are not owned', async (t) => {
  const { owned, read, pipe, own } = notingPipe()
  const stream = new PassThrough()
  relaySocket(pipe, stream, own)
  const chunk = Buffer.alloc(BYTES)
  stream.end(chunk)
  await once(stream, 'end')
  t.equal(owned.length, 0)
  t.equal(total(read), BYTES)
})

t.test('without somebody who owns them, every chunk goes through the write of the pipe', async (t) => {
  const { read, pipe } = notingPipe()
  const guarded = { ...pipe, writeOwned: () => t.fail('past a guard of write') }
  const socket = await connectTo(t, BYTES)
  relaySocket(guarded, socket)
  await once(socket, 'end')
  t.equal(total(read), BYTES)
})
