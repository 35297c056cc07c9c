/** When the bytes of a local client go on to a TCP app, and when never, to the moment. */
import { mock } from 'node:test'
import t from 'tap'
import { keepPagesOut } from '../../oclif-cli/msh/browser-guard.ts'

mock.timers.enable({ apis: ['setTimeout'] })
t.teardown(() => mock.timers.reset())

/** A client and what of it the app has heard: its bytes, `|` for each end. */
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
  const forget = keepPagesOut(pipe, 6_380, (what) => seen.refused.push(what))
  return { seen, forget, write: (text: string) => pipe.write(Buffer.from(text)), end: () => pipe.end() }
}

t.test('what may still become a request waits a moment, and goes on then', async (t) => {
  const { seen, write, end } = start()
  write('G')
  mock.timers.tick(49)
  t.equal(seen.app, '')
  mock.timers.tick(1)
  t.equal(seen.app, 'G')
  write('ET / HTTP/1.1\r\nOrigin: null\r\n\r\n')
  end()
  t.equal(seen.app, 'GET / HTTP/1.1\r\nOrigin: null\r\n\r\n|', 'and all that follows at once')
  mock.timers.tick(60_000)
  t.strictSame(seen.refused, [])
})

t.test('I123 a request waits for the end of its head, five seconds in all', async (t) => {
  const { seen, write, end } = start()
  write('G')
  write('ET / HTTP/1.1\r\n')
  mock.timers.tick(4_000)
  write('Host: a\r\n')
  mock.timers.tick(999)
  t.strictSame(seen, { app: '', refused: [] })
  mock.timers.tick(1)
  t.strictSame(seen, { app: '', refused: ['an HTTP request stopped half-way at'] })
  write('\r\n')
  end()
  mock.timers.tick(60_000)
  t.strictSame(seen, { app: '', refused: ['an HTTP request stopped half-way at'] }, 'and no more is heard')
})

t.test('I123 nothing of a page goes on, nor of what is too long or breaks off', async (t) => {
  const cases: Record<string, string> = {
    'a web page tried to use': 'GET / HTTP/1.1\r\nOrigin: null\r\n\r\n',
    'an HTTP request with too large a head came to': `GET / HTTP/1.1\r\nA: ${'a'.repeat(65_536)}`,
    'an HTTP request broke off at': 'GET / HTTP/1.1\r\n',
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

t.test('a client that ends before it has said enough is heard', async (t) => {
  for (const text of ['', 'GET', 'GET /file']) {
    const { seen, write, end } = start()
    if (text !== '') write(text)
    end()
    mock.timers.tick(60_000)
    t.strictSame(seen, { app: `${text}|`, refused: [] }, text)
  }
})

t.test('what a client that has gone left behind is forgotten', async (t) => {
  for (const text of ['GET', 'GET / HTTP/1.1\r\n']) {
    const { seen, write, forget } = start()
    write(text)
    forget()
    mock.timers.tick(60_000)
    t.strictSame(seen, { app: '', refused: [] })
  }
})
