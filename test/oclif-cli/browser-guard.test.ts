/** When the bytes of a local client pass to a TCP app, when never, and after which time. */
import { mock } from 'node:test'
import t from 'tap'
import { guardPort } from '../../oclif-cli/msh/browser-guard.ts'

const STALLED = 'an HTTP request stalled in its head at'

mock.timers.enable({ apis: ['setTimeout'] })
t.teardown(() => mock.timers.reset())

/** A client, and what the app has received from it: its bytes, and `|` for each end. */
function start() {
  const seen = { app: '', refused: [] as string[] }
  const pipe = {
    write(chunk: Buffer) {
      seen.app += chunk
      return true
    },
    end() {
      seen.app += '|'
    },
  }
  const drop = guardPort(pipe, 6_380, (what) => seen.refused.push(what))
  return { seen, drop, write: (text: string) => pipe.write(Buffer.from(text)), end: () => pipe.end() }
}

t.test('bytes that may still become a request wait 50 ms, and pass then', async (t) => {
  const { seen, write, end } = start()
  write('G')
  mock.timers.tick(49)
  t.equal(seen.app, '')
  mock.timers.tick(1)
  t.equal(seen.app, 'G')
  write('ET / HTTP/1.1\r\nOrigin: null\r\n\r\n')
  end()
  t.equal(seen.app, 'GET / HTTP/1.1\r\nOrigin: null\r\n\r\n|', 'and everything after them at once')
  mock.timers.tick(60_000)
  t.strictSame(seen.refused, [])
})

t.test('I123 a request waits for the end of its head, at most five seconds', async (t) => {
  const { seen, write, end } = start()
  write('G')
  write('ET / HTTP/1.1\r\n')
  mock.timers.tick(4_000)
  write('Host: a\r\n')
  mock.timers.tick(999)
  t.strictSame(seen, { app: '', refused: [] })
  mock.timers.tick(1)
  t.strictSame(seen, { app: '', refused: [STALLED] })
  write('\r\n')
  end()
  mock.timers.tick(60_000)
  t.strictSame(seen, { app: '', refused: [STALLED] }, 'and nothing passes later')
})

t.test('I123 bytes of a page or of a faulty request never pass', async (t) => {
  const cases: Record<string, string> = {
    'a web page tried to use': 'GET / HTTP/1.1\r\nOrigin: null\r\n\r\n',
    'an HTTP request with a head over 64 KiB arrived at': `GET / HTTP/1.1\r\nA: ${'a'.repeat(65_536)}`,
    'an HTTP request ended within its head at': 'GET / HTTP/1.1\r\n',
  }
  for (const [what, text] of Object.entries(cases)) {
    const { seen, write, end } = start()
    write(text)
    end()
    write('more')
    mock.timers.tick(60_000)
    t.strictSame(seen, { app: '', refused: [what] }, what)
  }
})

t.test('a client that ends early still reaches the app', async (t) => {
  for (const text of ['', 'GET', 'GET /file']) {
    const { seen, write, end } = start()
    if (text !== '') write(text)
    end()
    mock.timers.tick(60_000)
    t.strictSame(seen, { app: `${text}|`, refused: [] }, text)
  }
})

t.test('the held bytes of a client that disconnected are dropped', async (t) => {
  for (const text of ['GET', 'GET / HTTP/1.1\r\n']) {
    const { seen, write, drop } = start()
    write(text)
    drop()
    mock.timers.tick(60_000)
    t.strictSame(seen, { app: '', refused: [] })
  }
})
