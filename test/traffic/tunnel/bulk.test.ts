import { createHash, randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Http2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import t from 'tap'
import type { LiveLink } from '../../../core/traffic/tunnel/link.ts'
import { FIRST_STREAM_WINDOW } from '../../../core/wire/tunnel-protocol.ts'
import { drain, joined, startApp } from './start-app.ts'
import { testApp } from './start-tunnel-hub.ts'

const MIB = 1 << 20

/** Sends `mib` MiB, then ends its direction; never more in hand than the socket takes. */
function pour(socket: Socket, mib: number, chunk: Buffer): void {
  let left = mib
  const more = (): void => {
    while (left > 0) {
      left -= 1
      if (!socket.write(chunk)) return void socket.once('drain', more)
    }
    socket.end()
  }
  more()
}

/** Largest growth of resident memory, in MiB, from now until it is asked for. */
function watchMemory(): () => number {
  const before = process.memoryUsage().rss
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss)
  }, 20)
  return () => {
    clearInterval(timer)
    return (most - before) / MIB
  }
}

t.test('a message of any size reaches the application whole, though nothing follows it', async (t) => {
  const hub = await joined(t)
  const sizes = [1, 8_191, 8_192, 20_000, 65_535, 300_000]
  let expected = 0
  const app = await startApp(t, (socket) => {
    let bytes = 0
    socket.on('data', (chunk) => {
      bytes += chunk.length
      if (bytes < expected) return
      bytes = 0
      socket.write('whole')
    })
  })
  const pipe = await hub.open(testApp(app.uri))
  let answers = 0
  pipe.ondata = () => {
    answers += 1
  }
  for (const [at, size] of sizes.entries()) {
    expected = size
    pipe.write(Buffer.alloc(size))
    await hub.until(() => answers === at + 1, `the answer to ${size} bytes`)
  }
  t.equal(answers, sizes.length)
  pipe.destroy()
})

t.test(
  'fault 22: 40 stalled readers hold few unread bytes, and read everything when they continue',
  async (t) => {
    const hub = await joined(t)
    const chunk = Buffer.alloc(MIB, 'z')
    const app = await startApp(t, (socket) => socket.on('data', () => pour(socket, 2, chunk)))
    // Collects the hub's streams to the app, whose unread bytes can be counted.
    const [link] = hub.tunnel.links() as [LiveLink]
    const streams: Http2Stream[] = []
    const hold = link.hold.bind(link)
    link.hold = (stream) => {
      streams.push(stream)
      hold(stream)
    }
    const unread = (): number => streams.reduce((sum, { readableLength }) => sum + readableLength, 0)
    let most = 0
    const readers = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const pipe = await hub.open(testApp(app.uri))
        const reader = { pipe, bytes: 0, closed: Promise.withResolvers<Error | null>() }
        pipe.ondata = (bytes) => {
          reader.bytes += bytes.length
          if (reader.bytes <= bytes.length) pipe.pause()
          most = Math.max(most, unread())
        }
        pipe.onend = () => pipe.end()
        pipe.onclose = reader.closed.resolve
        pipe.write(Buffer.from('go'))
        return reader
      }),
    )
    await hub.until(() => readers.every((reader) => reader.bytes > 0), 'all have begun')
    let last = -1
    await hub.until(() => {
      const now = unread()
      const settled = now === last
      last = now
      return settled
    }, 'nothing more arrives')
    most = Math.max(most, unread())
    t.comment(`${(most / MIB).toFixed(1)} MiB unread`)
    t.ok(most <= readers.length * 2 * FIRST_STREAM_WINDOW, `${most} bytes; the app has 80 MiB to send`)
    for (const { pipe } of readers) pipe.resume()
    for (const { closed } of readers) t.equal(await closed.promise, null)
    t.ok(readers.every((reader) => reader.bytes === 2 * MIB))
  },
)

t.test(
  'fault 22: an agent takes from an app little more than a window for somebody who does not read',
  async (t) => {
    const hub = await joined(t)
    const chunk = Buffer.alloc(MIB, 'z')
    const app = await startApp(t, (socket) => socket.on('data', () => pour(socket, 64, chunk)))
    const { port } = new URL(app.uri)
    const dialled: Socket[] = []
    const note = (message: unknown): void => void dialled.push((message as { socket: Socket }).socket)
    subscribe('net.client.socket', note)
    t.teardown(() => unsubscribe('net.client.socket', note))
    const readers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const pipe = await hub.open(testApp(app.uri))
        const reader = { pipe, bytes: 0 }
        pipe.ondata = (bytes) => {
          reader.bytes += bytes.length
          pipe.pause()
        }
        pipe.write(Buffer.from('go'))
        return reader
      }),
    )
    await hub.until(() => readers.every(({ bytes }) => bytes > 0), 'all have begun')
    const taken = (): number[] =>
      dialled.filter(({ remotePort }) => remotePort === Number(port)).map(({ bytesRead }) => bytesRead)
    let last = -1
    await hub.until(() => {
      const now = taken().reduce((sum, bytes) => sum + bytes, 0)
      const settled = now === last
      last = now
      return settled
    }, 'nothing more is taken')
    const most = Math.max(...taken())
    t.equal(taken().length, readers.length)
    t.comment(`${most} bytes at most`)
    // The window, what the hub has read, what waits to be sent, and a read of Node.js that was under way.
    t.ok(most <= 512 * 1024, `${most} bytes of 64 MiB`)
    for (const { pipe } of readers) pipe.destroy()
  },
)

t.test('200 MiB arrive byte for byte each way, in flat memory', async (t) => {
  const hub = await joined(t)
  const chunk = randomBytes(MIB)
  const sent = createHash('sha256')
  for (let at = 0; at < 200; at++) sent.update(chunk)
  const wanted = sent.digest('hex')
  const up = createHash('sha256')
  const upDone = Promise.withResolvers<void>()
  const app = await startApp(t, (socket) => {
    socket.once('data', (first: Buffer) => {
      if (first[0] === 68 && first.length === 4) return pour(socket, 200, chunk)
      up.update(first)
      socket.on('data', (bytes: Buffer) => void up.update(bytes))
      socket.on('end', () => {
        socket.end()
        upDone.resolve()
      })
    })
  })
  const memory = watchMemory()
  const pipe = await hub.open(testApp(app.uri))
  const down = createHash('sha256')
  const closed = new Promise<Error | null>((resolve) => {
    pipe.onclose = resolve
  })
  pipe.ondata = (bytes) => void down.update(bytes)
  pipe.write(Buffer.from('DOWN'))
  pipe.onend = () => pipe.end()
  t.equal(await closed, null)
  t.equal(down.digest('hex'), wanted, 'down')

  const upload = await hub.open(testApp(app.uri))
  const uploaded = drain(upload)
  let left = 200
  const more = (): void => {
    while (left > 0) {
      left -= 1
      if (!upload.write(chunk)) return
    }
    upload.end()
  }
  upload.ondrain = more
  more()
  await upDone.promise
  t.equal((await uploaded).error, null)
  t.equal(up.digest('hex'), wanted, 'up')
  const grown = memory()
  t.comment(`hub, agent and application together grew by ${grown.toFixed(0)} MiB`)
  t.ok(grown < 150, `${grown} MiB`)
})

t.test('a stalled stream does not slow a busy one', async (t) => {
  const hub = await joined(t)
  const app = await startApp(t, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      if (chunk[0] === 'f'.charCodeAt(0)) pour(socket, 64, Buffer.alloc(MIB))
      else socket.write(chunk)
    })
  })
  const busy = await hub.open(testApp(app.uri))
  const message = Buffer.alloc(1_024, 'x')
  let wake: () => void = () => {}
  let got = 0
  busy.ondata = (chunk) => {
    got += chunk.length
    if (got >= message.length) wake()
  }
  const p99 = async (): Promise<number> => {
    const times: number[] = []
    for (let at = 0; at < 1_000; at++) {
      got = 0
      const start = performance.now()
      const answered = new Promise<void>((resolve) => {
        wake = resolve
      })
      busy.write(message)
      await answered
      times.push(performance.now() - start)
    }
    return times.sort((a, b) => a - b)[989] as number
  }
  await p99()
  const alone = await p99()
  const stalled = await hub.open(testApp(app.uri))
  let flood = 0
  stalled.ondata = (chunk) => {
    flood += chunk.length
    stalled.pause()
  }
  stalled.write(Buffer.from('flood'))
  await hub.until(() => flood > 0, 'the flood has come')
  await new Promise((resolve) => setTimeout(resolve, 200))
  const beside = await p99()
  t.comment(
    `p99 of 1 KiB there and back: ${alone.toFixed(2)} ms alone, ${beside.toFixed(2)} ms beside a stalled one`,
  )
  t.ok(beside < 2_000)
  stalled.destroy()
  busy.destroy()
})
