import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { MezError, problemFor } from '@mezite/core'
import t, { type Test } from 'tap'
import type { RequestHead } from '../../../core/api/protocol.ts'
import { defaultLimits } from '../../../core/base/limits/limits.ts'
import { createHostRouter } from '../../../core/traffic/http/host-router.ts'
import { readRequest } from '../../../plugins/http-apps/request/app-request.ts'
import { APP_COOKIE, cookieOf } from '../../../plugins/http-apps/request/cookies.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { names as publicNames } from '../../web/server/start-web.ts'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, ask, type Caps, COOKIE, type Gateway, OTHER, openGateway, raw, readUntil } from './gateway.ts'

/** How long it may take to read what a client sends. */
const DEMANDED_MS = 10

async function open(t: Test, caps: Caps, answer: Parameters<typeof openByteApp>[0] = () => OK) {
  const app = await openByteApp(answer)
  const gateway = await openGateway(appAt(app.port), {}, caps)
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  return { app, gateway }
}

const denials = (gateway: Gateway) =>
  gateway.records
    .filter(({ type }) => type === 'access.denied')
    .map(({ reason, user }) => `${reason} ${user}`)

const endOfSignIn = (code: string) =>
  ask(`GET /.mezite/session?path=/&code=${code}`).replace(COOKIE, `__Host-mezite_nonce=${'n'.repeat(43)}`)

/** Asks until the answer fits: places are given back when both ends have heard of the end. */
async function askUntil(gateway: Gateway, request: string, pattern: RegExp): Promise<string> {
  const deadline = Date.now() + 30_000
  while (true) {
    const answer = await raw(gateway, request)
    if (pattern.test(answer) || Date.now() > deadline) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

t.test('N169 a person at the cap gets 429, and the app serves others until it is at its own', async (t) => {
  const { app, gateway } = await open(t, { perPerson: 3, perApp: 5 }, (request) =>
    request.includes('/slow') ? null : OK,
  )
  const slow = async (user: string) => {
    gateway.state.user = user
    const socket = await gateway.dial()
    const before = app.requests.length
    socket.write(ask('GET /slow'))
    await until(() => app.requests.length > before, 'the app has the request')
    return socket
  }
  const held = [await slow('ann'), await slow('ann'), await slow('ann')]
  const refused = await raw(gateway, ask('GET /'))
  t.match(refused, /^HTTP\/1.1 429 [\s\S]*"code":"person_limit"/)
  t.match(refused, /\r\nRetry-After: \d/)
  const page = await raw(gateway, ask('GET /', 'Sec-Fetch-Mode: navigate'))
  t.match(page, /^HTTP\/1.1 429 [\s\S]*text\/html[\s\S]*too many requests under way/)

  gateway.state.user = 'bob'
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 200 /, 'somebody else goes on')
  held.push(await slow('bob'), await slow('bob'))
  gateway.state.user = 'eve'
  const full = await raw(gateway, ask('GET /'))
  t.match(full, /^HTTP\/1.1 503 [\s\S]*"code":"app_limit"/)
  t.match(full, /\r\nRetry-After: \d/)
  const other = { ...appAt(app.port), id: 'app-b', name: 'b', publicAddr: 'b.apps.test' }
  gateway.apps.set(other.publicAddr, other)
  const session = gateway.sessions.get(OTHER)!
  gateway.sessions.set(OTHER, { ...session, appId: 'app-b' })
  const toOther = ask('GET /')
    .replace('a.apps.test', 'b.apps.test')
    .replace(COOKIE, `__Host-mezite_app=${OTHER}`)
  t.match(await raw(gateway, toOther, 'b.apps.test'), /^HTTP\/1.1 200 /, 'another app goes on')
  t.strictSame(denials(gateway), ['person_limit ann', 'person_limit ann', 'app_limit eve'])

  for (const socket of held) socket.destroy()
  gateway.state.user = 'ann'
  t.match(await askUntil(gateway, ask('GET /'), /^HTTP\/1.1 200 /), /^HTTP\/1.1 200 /, 'all was given back')
  for (let turn = 0; turn < 20; turn++) t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 200 /)
})

t.test('N169 the codes of an address are counted before the database is queried', async (t) => {
  const { gateway } = await open(t, { callsPerMinute: { ...defaultLimits.callsPerMinute, pages: 3 } })
  for (let turn = 0; turn < 3; turn++)
    t.match(await raw(gateway, endOfSignIn('unknown-unknown-code')), /^HTTP\/1.1 400 [\s\S]*handover_refused/)
  const refused = await raw(gateway, endOfSignIn('good-code-good-code'))
  t.match(refused, /^HTTP\/1.1 429 [\s\S]*"code":"too_many_requests"/)
  t.match(refused, /\r\nRetry-After: \d/)
  t.equal(gateway.state.redeemed.length, 3)
  t.equal(denials(gateway).at(-1), 'too_many_requests undefined')
})

t.test('a code that cannot be looked up is not reported as wrong, and no error is logged', async (t) => {
  const { gateway } = await open(t, {})
  const reasons = [
    [new MezError('MEZ_DATABASE_UNAVAILABLE', 'too many queries wait'), 'database_unavailable'],
    [problemFor('handover_busy'), 'handover_busy'],
  ] as const
  for (const [error, code] of reasons) {
    gateway.state.redeemFails = error
    const answer = await raw(gateway, endOfSignIn('good-code-good-code'))
    t.match(answer, new RegExp(`^HTTP/1.1 503 [\\s\\S]*"code":"${code}"`))
    t.match(answer, /\r\nRetry-After: \d/)
  }
  t.strictSame(gateway.errors, [])
  gateway.state.redeemFails = problemFor('handover_busy')
  const page = await raw(
    gateway,
    endOfSignIn('good-code-good-code').replace(
      '\r\n',
      '\r\nSec-Fetch-Mode: navigate\r\nAccept: text/html\r\n',
    ),
  )
  t.match(page, /^HTTP\/1.1 202 [\s\S]*This page continues by itself/, 'N238 a page that waits says so')
  t.match(page, /\r\nRefresh: 2\r\n/)
  gateway.state.redeemFails = new Error('a fault')
  t.match(await raw(gateway, endOfSignIn('good-code-good-code')), /^HTTP\/1.1 500 /, 'nor is a fault')
  gateway.state.redeemFails = null
  t.match(await raw(gateway, endOfSignIn('good-code-good-code')), /^HTTP\/1.1 303 /)
})

t.test('E75 N169 preflights of strangers carry nothing and count for their address', async (t) => {
  const { app, gateway } = await open(t, { perPerson: 2, perApp: 5 }, (request) =>
    request.includes('/slow') ? null : OK,
  )
  const spa = 'https://spa.test'
  gateway.apps.set('a.apps.test', appAt(app.port, { origins: [spa] }))
  const preflight = (path: string, more = '', body = '') =>
    `OPTIONS ${path} HTTP/1.1\r\nHost: a.apps.test\r\nOrigin: ${spa}\r\nAccess-Control-Request-Method: PUT\r\n${more}\r\n${body}`
  const close = 'Connection: close\r\n'
  const smuggled = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n'
  for (const [framing, body] of [
    [`Content-Length: ${smuggled.length}`, smuggled],
    ['Content-Length: 0', ''],
    ['Transfer-Encoding: chunked', '0\r\n\r\n'],
  ] as const)
    t.match(await raw(gateway, preflight('/', `${close}${framing}\r\n`, body)), /^HTTP\/1.1 401 /, framing)
  t.equal(app.requests.length, 0)

  const more = `${close}Cookie: app=1\r\nAuthorization: Basic eA==\r\nX-HTTP-Method-Override: PUT\r\nUser-Agent: b\r\n`
  t.match(await raw(gateway, preflight('/', more)), /^HTTP\/1.1 200 /)
  t.match(
    app.requests[0],
    /\r\nOrigin: https:\/\/spa.test\r\nAccess-Control-Request-Method: PUT\r\nUser-Agent: b\r\n/,
  )
  t.notMatch(app.requests[0], /cookie|authorization|override/i)

  const held = []
  for (let n = 2; n <= 3; n++) {
    const socket = await gateway.dial()
    socket.write(preflight('/slow'))
    held.push(socket)
    await until(() => app.requests.length >= n, 'the app has the request')
  }
  t.match(await raw(gateway, preflight('/', close)), /^HTTP\/1.1 429 [\s\S]*"code":"person_limit"/)
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 200 /, 'people go on')
  for (const socket of held) socket.destroy()
  const again = preflight('/', close)
  t.match(await askUntil(gateway, again, /^HTTP\/1.1 200 /), /^HTTP\/1.1 200 /, 'all was given back')
})

t.test('N169 requests of unknown callers are limited by address', async (t) => {
  const { gateway } = await open(t, { anonymousRequestsPerAddress: 4 })
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const { find } = gateway.deps.sessions
  Object.assign(gateway.deps.sessions, {
    find: async (...args: Parameters<typeof find>) => {
      await gate
      return find(...args)
    },
  })
  const answers = Array.from({ length: 10 }, () => raw(gateway, ask('GET /')))
  const early: string[] = []
  await new Promise<void>((resolve) => {
    for (const answer of answers) void answer.then((text) => early.push(text) === 6 && resolve())
  })
  t.ok(early.every((text) => /^HTTP\/1.1 429 [\s\S]*"code":"address_limit"/.test(text)))
  release()
  const statuses = (await Promise.all(answers)).map((text) => text.slice(9, 12)).toSorted()
  t.strictSame(statuses, [...Array(4).fill('200'), ...Array(6).fill('429')])
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 200 /, 'all was given back')
})

t.test('N169 concurrent requests on one connection are limited', async (t) => {
  const { gateway } = await open(t, { requestsPerConnection: 3 }, () => null)
  const socket = await gateway.dial()
  const request = `GET / HTTP/1.1\r\nHost: a.apps.test\r\nCookie: ${COOKIE}\r\n\r\n`
  socket.write(request.repeat(6))
  await until(() => gateway.live.size >= 3, 'as many as may be are under way')
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal(gateway.live.size, 3)
})

t.test('N166 clients that only the hub answers do not hold connections', async (t) => {
  const { gateway } = await open(t, { headerMs: 2_000, requestMs: 2_000 })
  const keep = 'GET / HTTP/1.1\r\nHost: a.apps.test\r\n\r\n'
  const closedAfter = async (send: (socket: TLSSocket) => void) => {
    const socket = await gateway.dial()
    const watch = startStopwatch()
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    // Who goes on sending to a connection that has ended hears a reset: closed all the same.
    socket.on('error', () => {})
    send(socket)
    await new Promise((resolve) => socket.once('close', resolve))
    return { ms: watch.took(), text }
  }
  const deaf = async () => {
    const socket = await gateway.dial()
    socket.pause()
    const watch = startStopwatch()
    const gone = new Promise((resolve) => socket.once('close', resolve))
    // Requests whose answers nobody reads, until the hub's side is full.
    const flood = setInterval(() => socket.write(keep.repeat(50)), 5)
    await gone
    clearInterval(flood)
    return { ms: watch.took(), text: '' }
  }
  const kept = async () => {
    const socket = await gateway.dial()
    socket.write(keep.replace('\r\n\r\n', `\r\nCookie: ${COOKIE}\r\n\r\n`))
    await readUntil(socket, /^HTTP\/1.1 200 /)
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    t.notOk(socket.destroyed, 'after an answer of an app a connection waits longer')
  }
  const every = (text: string) => (socket: TLSSocket) => {
    const drip = setInterval(() => socket.write(text), 100)
    socket.once('close', () => clearInterval(drip))
  }
  const [silent, half, dripping, idle, slowBody, slowRead] = await Promise.all([
    closedAfter(() => {}),
    closedAfter((socket) => socket.write('GET / HTTP/1.1\r\nHost: a')),
    closedAfter((socket) => {
      socket.write('GET / HTTP/1.1\r\nHost: a.apps.test\r\n')
      every('X-A: b\r\n')(socket)
    }),
    closedAfter((socket) => socket.write(keep)),
    closedAfter((socket) => {
      socket.write('POST / HTTP/1.1\r\nHost: a.apps.test\r\nContent-Length: 1000000000000\r\n\r\n')
      every('x')(socket)
    }),
    deaf(),
    kept(),
  ])
  for (const [what, { ms }] of Object.entries({ silent, half, dripping, idle, slowBody, slowRead }))
    t.ok(ms < 30_000, `${what}: ${ms.toFixed(0)} ms`)
  for (const { text } of [idle, slowBody]) t.match(text, /^HTTP\/1.1 401 /)
})

t.test('N170 a body of 1 TB, or without an end, is streamed in flat memory', async (t) => {
  let received = 0
  const sockets = new Set<Socket>()
  const sink = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received += chunk.length
    })
  })
  sink.listen(0, '127.0.0.1')
  await once(sink, 'listening')
  const gateway = await openGateway(appAt((sink.address() as AddressInfo).port))
  t.teardown(async () => {
    await gateway.close()
    for (const socket of sockets) socket.destroy()
    sink.close()
  })
  const heldBefore = process.memoryUsage().rss
  const send = async (head: string, chunk: Buffer) => {
    const socket = await gateway.dial()
    socket.setMaxListeners(0)
    socket.write(ask('POST /', head))
    for (let left = 128; left > 0 && !socket.destroyed; left--)
      if (!socket.write(chunk)) await new Promise((go) => socket.once('drain', go).once('close', go))
    socket.destroy()
  }
  const piece = Buffer.alloc(1 << 20, 'x')
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), piece, Buffer.from('\r\n')])
  await send('Content-Length: 1000000000000', piece)
  await send('Transfer-Encoding: chunked', chunk)
  const grown = (process.memoryUsage().rss - heldBefore) / (1 << 20)
  t.ok(received > 200 << 20, `${received >> 20} MB arrived meanwhile`)
  t.ok(grown < 150, `${grown.toFixed(0)} MB more in hub, client and app together`)
})

t.test('N172 header values of 100 KB are read in linear time, whatever they contain', async (t) => {
  const units = [
    'a',
    ' ',
    '\t',
    ',',
    ', ',
    ';',
    '; ',
    '=',
    '"',
    ':',
    '::',
    '.',
    '-',
    '/',
    '%',
    'a=;',
    '1,',
    'close,',
    '\\',
  ]
  const names = [
    ...[
      'Connection',
      'Cookie',
      'Content-Length',
      'Transfer-Encoding',
      'Expect',
      'Upgrade',
      'Origin',
      'Referer',
    ],
    ...[
      'Accept',
      'X-Forwarded-For',
      'Sec-Fetch-Site',
      'Sec-Fetch-Mode',
      'Access-Control-Request-Method',
      'TE',
    ],
    ...['Sec-WebSocket-Key', 'X-Other', 'Host'],
  ]
  const heads = { headerCount: 100, headerBytes: 1e6, uriBytes: 200_000 }
  const router = createHostRouter({ ...publicNames, appsDomains: ['apps.test'] }, heads)
  const info = { clientIp: '192.0.2.7', clientPort: 1, trustedProxy: false, serverName: 'a.apps.test' }
  const read = (head: RequestHead, upgrade = false) => {
    const route = router.route(head, info)
    if (route.kind === 'app') readRequest(route, undefined, upgrade, null)
  }
  let worst = { ms: 0, by: '' }
  const time = (by: string, run: () => unknown) => {
    // The best of ten: a pause of the machine is not the reader's.
    let ms = Number.POSITIVE_INFINITY
    for (let round = 0; round < 10 && ms > DEMANDED_MS; round++) {
      const start = performance.now()
      run()
      ms = Math.min(ms, performance.now() - start)
    }
    if (ms > worst.ms) worst = { ms, by }
  }
  for (const unit of units) {
    const value = `${unit.repeat(100_000 / unit.length)}!`
    for (const name of names) {
      const rawHeaders = name === 'Host' ? ['Host', value] : ['Host', 'a.apps.test', name, value]
      const source = { method: 'GET', url: '/', rawHeaders, httpVersionMajor: 1, httpVersionMinor: 1 }
      time(`${name}: ${unit}`, () => read(source, name === 'Sec-WebSocket-Key'))
    }
    const url = {
      method: 'GET',
      rawHeaders: ['Host', 'a.apps.test'],
      httpVersionMajor: 1,
      httpVersionMinor: 1,
    }
    time(`target: ${unit}`, () => read({ ...url, url: `/${value}` }))
    time(`absolute: ${unit}`, () => read({ ...url, url: `https://${value}` }))
    time(`cookie: ${unit}`, () => cookieOf([value], APP_COOKIE))
  }
  // A machine may be slow; a quadratic reader takes seconds.
  t.ok(worst.ms < 200, `${worst.ms.toFixed(1)} ms for ${worst.by}`)
})
