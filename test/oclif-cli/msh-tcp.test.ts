// together: msh
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import { dial, readAll, serve } from './local-servers.ts'
import { startMshHub } from './msh-hub.ts'
import { loginMsh, mshEnv, openApps, runMsh, startMsh } from './msh-program.ts'

const hub = await startMshHub()
t.teardown(() => hub.stop())
const env = mshEnv(hub)
t.equal((await loginMsh(hub, env)).code, 0)

t.test('msh prints the exact line, passes bytes, and exits 0 on Ctrl-C', async (t) => {
  hub.apps.set('echo', { protocol: 'tcp', port: await serve(t, (socket) => socket.pipe(socket)) })
  const port = await serve(t, () => {}).then((taken) => taken + 0)
  const busy = await runMsh(['app', 'login', 'echo', '--port', String(port)], env)
  t.match(busy, { code: 1, err: /\(MEZ_PORT_UNAVAILABLE\)/ })
  const msh = await openApps(['echo'], env)
  const socket = dial(msh.ports.echo!)
  socket.end('hello')
  t.equal((await readAll(socket)).toString(), 'hello')
  const done = await msh.stop()
  t.strictSame(done, { code: 0, out: `Tunnel open: 127.0.0.1:${msh.ports.echo} -> echo\n`, err: '' })
  const json = startMsh(['app', 'login', 'echo', '--json'], env)
  const [line] = await json.out(/.*\n/)
  t.strictSame(JSON.parse(line), { app: 'echo', protocol: 'tcp', host: '127.0.0.1', port: msh.ports.echo })
  await json.stop()
})

t.test('several apps each keep their port, and take another when that is in use', async (t) => {
  for (const name of ['one', 'two']) {
    hub.apps.set(name, { protocol: 'tcp', port: await serve(t, (socket) => socket.end(name)) })
  }
  const first = await openApps(['one', 'two'], env)
  for (const name of ['one', 'two']) {
    t.equal((await readAll(dial(first.ports[name]!))).toString(), name)
  }
  const second = await openApps(['one'], env)
  t.not(second.ports.one, first.ports.one)
  await Promise.all([first.stop(), second.stop()])
  const third = await openApps(['one', 'two'], env)
  t.strictSame(third.ports, { one: second.ports.one, two: first.ports.two })
  await third.stop()
})

t.test('a refusal at the start is one plain sentence, and no connection to the app is made', async (t) => {
  const refused = [
    ['nothing', 404, 'app_unknown', /no app named nothing \(app_unknown\)\n.*msh app ls/],
    ['closed', 403, 'role_missing', /\(role_missing\)\n.*msh app ls/],
    ['device', 403, 'device_trust_required', /\(device_trust_required\)/],
    ['away', 503, 'app_disabled', /away is disabled/],
    ['strange', 403, 'some_new_reason', /the hub refused the connection to strange \(some_new_reason\)/],
    ['hostile', 403, 'X\u001b[2J', /\(refused\)/],
  ] as const
  let reached = 0
  const port = await serve(t, () => {
    reached += 1
  })
  for (const [name, status, reason, words] of refused) {
    if (status !== 404) {
      const header = reason.startsWith('X') ? 'not a code!' : reason
      hub.apps.set(name, { protocol: 'tcp', port, refusal: { status, reason: header } })
    }
    const { code, out, err } = await runMsh(['app', 'login', name], env)
    t.equal(code, 1, name)
    t.equal(out, '')
    t.match(err, words)
    t.match(err, /^error: /)
  }
  hub.apps.set('plain', { protocol: 'tcp', port })
  const msh = await openApps(['plain'], env)
  await msh.stop()
  t.equal(reached, 0, 'asking dials nothing')
})

t.test('an app that needs a passkey is checked again after the browser has returned', async (t) => {
  hub.apps.set('key', { protocol: 'tcp', port: 1, refusal: { status: 403, reason: 'session_mfa_required' } })
  const msh = startMsh(['app', 'login', 'key'], env)
  const [, address = ''] = await msh.err(/key needs your passkey\.\nOpening (https:\S+)/)
  const page = new URL(address)
  t.equal(page.pathname, '/web/confirm')
  t.ok(page.searchParams.get('session'))
  const callback = `http://127.0.0.1:${page.searchParams.get('redirect_port')}/callback?code=confirmed`
  t.equal((await fetch(callback)).status, 200)
  const { code, out, err } = await msh.ended
  t.strictSame([code, out], [1, ''])
  t.match(err, /^error: key needs your passkey.* \(session_mfa_required\)/m, 'the hub decides, not the page')
})

t.test('a refusal later closes that connection with a line, and the port stays', async (t) => {
  const port = await serve(t, (socket) => socket.end('open'))
  hub.apps.set('later', { protocol: 'tcp', port })
  const msh = await openApps(['later'], env)
  t.equal((await readAll(dial(msh.ports.later!))).toString(), 'open')
  hub.apps.set('later', { protocol: 'tcp', port, refusal: { status: 403, reason: 'locked' } })
  const [error] = await once(dial(msh.ports.later!), 'error')
  t.equal(error.code, 'ECONNRESET')
  await msh.err(/later: connection refused: .* \(locked\)/)
  hub.apps.set('later', { protocol: 'tcp', port })
  t.equal((await readAll(dial(msh.ports.later!))).toString(), 'open')
  await msh.stop()
})

t.test('I124 each side closes its own direction', async (t) => {
  const port = await serve(t, (socket) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    // Answers only after the client's end.
    socket.on('end', () => socket.end(`got ${Buffer.concat(chunks)}`))
  })
  const first = await serve(t, (socket) => {
    socket.end('bye')
    socket.on('data', (chunk) => heard.push(chunk))
    socket.on('end', () => over())
  })
  const heard: Buffer[] = []
  let over = () => {}
  const ended = new Promise<void>((resolve) => {
    over = resolve
  })
  hub.apps.set('half', { protocol: 'tcp', port })
  hub.apps.set('first', { protocol: 'tcp', port: first })
  const msh = await openApps(['half', 'first'], env)
  const socket = dial(msh.ports.half!)
  socket.end('question')
  t.equal((await readAll(socket)).toString(), 'got question')
  const other = dial(msh.ports.first!)
  t.equal((await readAll(other)).toString(), 'bye')
  other.end('still here')
  await ended
  t.equal(Buffer.concat(heard).toString(), 'still here')
  const silent = dial(msh.ports.half!)
  silent.end()
  t.equal((await readAll(silent)).toString(), 'got ', 'a session without a byte')
  await msh.stop()
})

t.test('I124 a reset is passed on as a reset, both ways', async (t) => {
  let client: Socket | null = null
  let reset = (_code: string) => {}
  const wasReset = new Promise<string>((resolve) => {
    reset = resolve
  })
  const port = await serve(t, (socket) => {
    socket.on('data', (chunk) => {
      if (String(chunk) === 'reset me') return socket.resetAndDestroy()
      client?.resetAndDestroy()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => reset(error.code ?? ''))
  })
  hub.apps.set('reset', { protocol: 'tcp', port })
  const msh = await openApps(['reset'], env)
  const socket = dial(msh.ports.reset!)
  socket.write('reset me')
  const [error] = await once(socket, 'error')
  t.equal(error.code, 'ECONNRESET')
  client = dial(msh.ports.reset!)
  client.write('x')
  t.equal(await wasReset, 'ECONNRESET')
  await msh.stop()
})

t.test('I124 every byte arrives, and a stalled side holds the other back with flat memory', async (t) => {
  const size = 384 << 20
  const block = randomBytes(1 << 20)
  const expected = createHash('sha256')
  for (let sent = 0; sent < size; sent += block.length) expected.update(block)
  const digest = expected.digest('hex')
  let written = 0
  const pour = (socket: Socket): void => {
    while (written < size) {
      written += block.length
      if (!socket.write(block)) return void socket.once('drain', () => pour(socket))
    }
    socket.end()
  }
  hub.apps.set('source', { protocol: 'tcp', port: await serve(t, pour) })
  const msh = await openApps(['source'], env)
  const memory = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${msh.child.pid}/status`, 'utf8'))![1]) / 1024
  const before = memory()
  const socket = dial(msh.ports.source!)
  // Nothing is read until the sender has stood still for a while.
  let last = -1
  while (written !== last) {
    last = written
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  t.ok(written < size / 2, `the sender was held back after ${written >> 20} MiB`)
  const hash = createHash('sha256')
  let count = 0
  let highest = 0
  for await (const chunk of socket) {
    count += chunk.length
    hash.update(chunk)
    if (count % (16 << 20) < chunk.length) highest = Math.max(highest, memory())
  }
  t.equal(count, size)
  t.equal(hash.digest('hex'), digest)
  // Buffers that wait to be collected: about 80 MiB after 192 MiB, and 100 after 384.
  t.ok(highest - before < 150, `memory grew by ${Math.round(highest - before)} MiB`)
  await msh.stop()
})

t.test('I124 1,000 connections at one time share one connection to the hub', async (t) => {
  hub.apps.set('many', { protocol: 'tcp', port: await serve(t, (socket) => socket.pipe(socket)) })
  const msh = await openApps(['many'], env)
  const sockets = Array.from({ length: 1_000 }, () => dial(msh.ports.many!))
  await Promise.all(
    sockets.map(async (socket, at) => {
      socket.write(`number ${at}`)
      const [answer] = await once(socket, 'data')
      t.ok(String(answer) === `number ${at}` || t.fail(String(answer)))
    }),
  )
  t.equal(hub.sessions.size, 1)
  await Promise.all(
    sockets.map((socket) => {
      socket.end()
      return once(socket, 'close')
    }),
  )
  await msh.stop()
})

t.test('I123 listeners are on 127.0.0.1 only, and closed to web pages', async (t) => {
  const bytes: Buffer[] = []
  const port = await serve(t, (socket) => {
    socket.on('data', (chunk) => {
      bytes.push(chunk)
      socket.end('+PONG')
    })
  })
  hub.apps.set('redis', { protocol: 'tcp', port })
  const msh = await openApps(['redis'], env)
  const local = msh.ports.redis!
  const outside = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  for (const { address, internal, family } of outside) {
    if (address === '127.0.0.1' || (family === 'IPv6' && address.startsWith('fe80'))) continue
    const socket = connect({ host: address, port: local })
    const [error] = await once(socket, 'error')
    t.equal(error.code, 'ECONNREFUSED', `${address} ${internal}`)
  }
  const alias = connect({ host: '127.0.0.2', port: local })
  t.equal((await once(alias, 'error'))[0].code, 'ECONNREFUSED')

  const page =
    'POST / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nOrigin: https://evil.example\r\nContent-Length: 8\r\n\r\nFLUSHALL'
  const rebound = 'GET / HTTP/1.1\r\nHost: evil.example:PORT\r\nSec-Fetch-Site: same-origin\r\n\r\n'
  for (const text of [page, rebound]) {
    const socket = dial(local)
    socket.write(text.replaceAll('PORT', String(local)))
    t.equal((await once(socket, 'error'))[0].code, 'ECONNRESET')
  }
  await msh.err(/redis: a web page tried to use port/)
  t.equal(bytes.length, 0, 'not a byte of it arrived')
  const curl = dial(local)
  curl.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${local}\r\n\r\n`)
  t.equal((await readAll(curl)).toString(), '+PONG', 'a program may speak HTTP')
  await msh.stop()
})
