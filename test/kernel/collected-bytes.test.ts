/** Buffers of bytes that have passed are freed in time. Alone in its process, because it measures memory. */
import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { collectForEach } from '../../core/kernel/collected-bytes.ts'
import { StreamPipe } from '../../core/wire/stream-pipe.ts'

const MB = 1 << 20
const ALL = 128 * MB

/** The most that the buffers of this process have grown since; call the result with each chunk. */
function watchBuffers(): { look(): void; readonly most: number } {
  const before = process.memoryUsage().arrayBuffers
  return {
    most: 0,
    look() {
      ;(this as { most: number }).most = Math.max(this.most, process.memoryUsage().arrayBuffers - before)
    },
  }
}

t.test('garbage is bounded, however few objects a program makes beside its buffers', (t) => {
  const count = collectForEach(8 * MB, 'minor')
  const buffers = watchBuffers()
  for (let passed = 0; passed < ALL; passed += MB) {
    count(Buffer.allocUnsafeSlow(MB).length)
    buffers.look()
  }
  // Twice as much, because a thread frees what was found.
  t.ok(buffers.most <= 24 * MB, `${buffers.most / MB} MB`)
  t.end()
})

t.test('fault 22: bytes that streams of a tunnel have passed on are freed in time', async (t) => {
  const server = createServer({ settings: { maxFrameSize: 65_536 } })
  const chunk = Buffer.alloc(65_536)
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    let left = ALL
    const more = (): void => {
      while (left > 0) {
        left -= chunk.length
        if (!stream.write(chunk)) return
      }
      stream.end()
    }
    stream.on('drain', more)
    more()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    settings: { initialWindowSize: 4 * MB, maxFrameSize: 65_536 },
  })
  session.once('connect', () => session.setLocalWindowSize(4 * MB))
  t.teardown(() => {
    session.destroy()
    server.close()
  })
  const stream = session.request()
  await once(stream, 'response')
  const pipe = new StreamPipe(stream, 'node-1')
  const buffers = watchBuffers()
  let received = 0
  pipe.ondata = ({ length }) => {
    received += length
    buffers.look()
  }
  await new Promise<void>((resolve) => {
    pipe.onend = resolve
  })
  t.equal(received, ALL)
  t.ok(buffers.most <= 32 * MB, `${buffers.most / MB} MB`)
})
