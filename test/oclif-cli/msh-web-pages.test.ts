// together: msh
/** The port of a TCP app is closed to web pages, whatever their requests look like, and open to every protocol. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { guardPort } from '../../oclif-cli/msh/browser-guard.ts'
import { startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'
import { dial, readAll, serve } from './local-servers.ts'
import { startMshHub } from './msh-hub.ts'
import { loginMsh, mshEnv, openApps } from './msh-program.ts'

const hub = await startMshHub()
const env = mshEnv(hub)
await loginMsh(hub, env)

let heard = ''
const connections = new Set<Socket>()
const echo = await serve(t, (socket) => {
  connections.add(socket)
  socket.once('close', () => connections.delete(socket))
  socket.on('data', (chunk) => {
    heard += chunk.toString('latin1')
  })
  socket.pipe(socket)
})
hub.apps.set('echo', { protocol: 'tcp', port: echo })
hub.apps.set('banner', {
  protocol: 'tcp',
  port: await serve(t, (socket) => {
    socket.write('220 ready\r\n')
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1')
    })
    socket.pipe(socket)
  }),
})
const msh = await openApps(['echo', 'banner'], env)
t.teardown(async () => {
  await msh.stop()
  await hub.stop()
})
const port = msh.ports.echo!
const page = `Host: 127.0.0.1:${port}\r\nOrigin: https://evil.example\r\nContent-Length: 8\r\n\r\nFLUSHALL`

async function writeParts(socket: Socket, parts: readonly string[], ms = 5): Promise<void> {
  socket.setNoDelay()
  for (const part of parts) {
    socket.write(Buffer.from(part, 'latin1'))
    await pause(ms)
  }
}

/** How msh ends a connection that sends these parts. */
async function ending(parts: readonly string[], to = port): Promise<string> {
  const socket = dial(to)
  const over = once(socket, 'error')
  socket.resume()
  await writeParts(socket, parts)
  return (await over)[0].code
}

/** What the echo gives back for these parts, the last of them with an end. */
async function echoed(parts: readonly string[]): Promise<string> {
  const socket = dial(port)
  const all = readAll(socket)
  await writeParts(socket, parts)
  socket.end()
  return (await all).toString('latin1')
}

t.test('I123 a page gets nothing through, however long its request and in however many parts', async (t) => {
  heard = ''
  const long = (length: number) => `POST /${'a'.repeat(length)} HTTP/1.1\r\n${page}`
  const filler = `X-Filler: ${'b'.repeat(30_000)}\r\n`
  const requests: Record<string, string[]> = {
    'a long address': [long(8_300)],
    'a longer one': [long(20_000)],
    'one that is not waited for': [long(70_000)],
    'headers before those that tell': [`GET / HTTP/1.1\r\n${filler}${page}`],
    'a head in parts': ['POST /a HTTP/1.1\r\nHo', `st: 127.0.0.1:${port}\r\nOri`, 'gin: null\r\n\r\nX'],
    'a method that the page made up': [`flushall / HTTP/1.1\r\n${page}`],
  }
  for (const [what, parts] of Object.entries(requests)) t.equal(await ending(parts), 'ECONNRESET', what)
  t.equal(await ending([long(9_000)], msh.ports.banner), 'ECONNRESET', 'though the app spoke first')
  const broken = dial(port)
  const over = once(broken, 'error')
  broken.resume().end('POST / HTTP/1.1\r\nHost: x\r\n')
  t.equal((await over)[0].code, 'ECONNRESET', 'a head that breaks off')
  await until(() => connections.size === 0, 'the app is left alone')
  t.equal(heard, '', 'not a byte of them arrived')
  await msh.err(/echo: a web page tried to use port \d+; /)
  await msh.err(/echo: an HTTP request with a head over 64 KiB arrived at port \d+; /)
})

t.test('I123 a request is recognised from its first byte on, however it is cut', async (t) => {
  const request = `POST /${'a'.repeat(100)} HTTP/1.1\r\n${page}`
  for (const size of [1, 2, 3, 7, 64, 110]) {
    let passed = ''
    const refused: string[] = []
    const write = (chunk: Buffer) => {
      passed += chunk
      return true
    }
    const pipe = { write, end: () => {} }
    guardPort(pipe, port, (what) => refused.push(what))
    for (let at = 0; at < request.length; at += size) pipe.write(Buffer.from(request.slice(at, at + size)))
    pipe.end()
    t.strictSame([passed, refused], ['', ['a web page tried to use']], `in parts of ${size}`)
  }
})

t.test('I123 a page is recognised by the headers that browsers send', async (t) => {
  heard = ''
  const head = (...lines: string[]) =>
    `GET /a HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines.join('\r\n')}\r\n\r\n`
  for (const site of ['cross-site', 'same-site'])
    t.equal(
      await ending([head(`Sec-Fetch-Site: ${site}`)]),
      'ECONNRESET',
      `an image, without an origin, ${site}`,
    )
  t.equal(await ending([head('Origin: null')]), 'ECONNRESET', 'a form of before those headers')
  t.equal(heard, '', 'not a byte of them arrived')
})

t.test('I123 a page whose name was rebound to this machine gets nothing through', async (t) => {
  heard = ''
  const browsers = ['User-Agent: Mozilla/5.0 (X11)', 'User-Agent: mine\r\nAccept-Language: en']
  const hosts = [
    'evil.example',
    `evil.example:${port}`,
    'localhost.evil.example',
    'evil.example.',
    'evillocalhost',
  ]
  for (const host of hosts) {
    for (const browser of browsers) {
      const text = `GET /secrets HTTP/1.1\r\nHost: ${host}\r\n${browser}\r\nAccept: */*\r\n\r\n`
      t.equal(await ending([text]), 'ECONNRESET', `${host} ${browser}`)
    }
  }
  t.equal(heard, '', 'not a byte of them arrived')
})

t.test('a program may speak HTTP to a TCP app, whole or in parts', async (t) => {
  const requests = [
    'GET / HTTP/1.1\r\nHost: orders.internal\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n',
    `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: orders.internal\r\n\r\n`,
    'POST /_bulk HTTP/1.1\r\nHost: 10.0.0.7:9200\r\nUser-Agent: Mozilla/5.0 WindowsPowerShell/5.1\r\n\r\nbody',
    `GET / HTTP/1.1\r\nHost: localhost:${port}\r\nUser-Agent: Mozilla/5.0\r\nSec-Fetch-Site: none\r\n\r\n`,
    'GET / HTTP/1.0\r\n\r\n',
    'GET / HTTP/1.1\nHost: typed.by.hand\n\n',
  ]
  for (const request of requests) {
    t.equal(await echoed([request]), request)
    t.equal(await echoed([request.slice(0, 2), request.slice(2, 9), request.slice(9)]), request)
  }
  const body = 'c'.repeat(1_000_000)
  const upload = `PUT /a HTTP/1.1\r\nHost: orders.internal\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  t.equal(await echoed([upload]), upload, 'with every byte of a long body')
})

t.test('other protocols pass at once, including their half-close', { timeout: 120_000 }, async (t) => {
  const socket = dial(msh.ports.banner!)
  t.equal(String((await once(socket, 'data'))[0]), '220 ready\r\n', 'a server may speak first')
  socket.write('HELO x\r\n')
  t.equal(String((await once(socket, 'data'))[0]), 'HELO x\r\n')
  socket.destroy()
  const firsts = {
    redis: '*1\r\n$4\r\nPING\r\n',
    inline: 'PING\r\n',
    memcached: 'get key\r\n',
    slash: 'GET /key\r\n',
    ...{ url: 'get https://key\r\n', rtsp: 'OPTIONS / RTSP/1.0\r\nCSeq: 1\r\n\r\n', ssh: 'SSH-2.0-x\r\n' },
    postgres: '\x00\x00\x00\x08\x04\xd2\x16\x2f',
    tls: '\x16\x03\x01\x02\x00',
    binary: '\xff\x00/',
    word: 'hello',
    letter: 'G',
    'part of a start': 'GET htt',
  }
  const watch = startStopwatch()
  for (const [what, first] of Object.entries(firsts)) {
    const open = dial(port)
    open.write(Buffer.from(first, 'latin1'))
    let back = ''
    open.on('data', (chunk) => {
      back += chunk.toString('latin1')
    })
    await until(() => back === first, `${what} comes back`)
    open.end()
    await once(open, 'end')
    t.equal(await echoed([first]), first, `${what} and an end`)
  }
  const each = watch.took() / Object.keys(firsts).length
  // Far below the time that a request's head is waited for.
  t.ok(each < 1_500, `${Math.round(each)} ms each`)
  t.equal(await echoed(['']), '', 'a connection without a byte')
  t.equal(await echoed(['GET /file']), 'GET /file', 'a line without its end')
})

t.test(
  'I123 a request that stops half-way is cut off after a few seconds',
  { timeout: 120_000 },
  async (t) => {
    heard = ''
    const quit = dial(port)
    quit.write('GET /')
    await pause(100)
    quit.resetAndDestroy()
    t.equal(await ending(['GET / HTTP/1.1\r\nHost: evil.example\r\n']), 'ECONNRESET')
    await msh.err(/echo: an HTTP request stalled in its head at port \d+; /)
    t.equal(heard, '')
    await msh.stop()
    const notes = (await msh.ended).err
    t.equal(notes.match(/stalled in its head/g)?.length, 1, 'a client that went by itself is not told of')
  },
)
