// together: protocols
import { once } from 'node:events'
import { createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, ask, COOKIE, type Gateway, openGateway, raw, readAll, readUntil } from './gateway.ts'

const NAVIGATE = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Sec-Fetch-Site: none']

async function open(t: Test, answer: Parameters<typeof openByteApp>[0] = () => OK, more = {}) {
  const app = await openByteApp(answer)
  const gateway = await openGateway(appAt(app.port, more))
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  return { app, gateway }
}

function denials(gateway: Gateway): (string | null | undefined)[] {
  return gateway.records.filter(({ type }) => type === 'access.denied').map(({ reason }) => reason)
}

function keep(line: string, ...headers: string[]): string {
  return `${line} HTTP/1.1\r\n${['Host: a.apps.test', `Cookie: ${COOKIE}`, ...headers].join('\r\n')}\r\n\r\n`
}

t.test(
  'J139 a request on a lost link is repeated once at another agent, if it has no body and is safe',
  async (t) => {
    let losses = 0
    const { app, gateway } = await open(t, () => {
      if (losses === 0) return OK
      losses -= 1
      gateway.tunnel.disconnect('node-1')
      return null
    })
    const again = () => {
      gateway.tunnel.connected = ['node-1', 'node-2']
      gateway.tunnel.dials.length = 0
      return app.requests.length
    }
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      const before = again()
      losses = 1
      t.match(await raw(gateway, ask(`${method} /`)), /^HTTP\/1.1 200 /, method)
      t.strictSame(gateway.tunnel.dials.at(-1), 'node-2')
      t.equal(app.requests.length, before + 2)
      t.equal(gateway.requests().at(-1)?.fields?.agent, 'node-2')
      for (const socket of app.sockets) socket.destroy()
    }
    for (const request of [
      `${ask('POST /', 'Content-Length: 1')}x`,
      ask('POST /'),
      ask('PATCH /'),
      `${ask('PUT /', 'Content-Length: 1')}x`,
    ]) {
      const before = again()
      losses = 1
      t.match(await raw(gateway, request), /^HTTP\/1.1 502 [\s\S]*link_lost/, request.slice(0, 9))
      t.equal(app.requests.length, before + 1, 'never twice')
    }
  },
)

t.test('J139 a request is never sent a third time, nor after the first byte of a response', async (t) => {
  let first = ''
  const { app, gateway } = await open(
    t,
    (_, socket) => {
      if (first !== '') socket.write(first)
      setTimeout(() => {
        const [now] = gateway.tunnel.connected
        if (now !== undefined) gateway.tunnel.disconnect(now)
      }, 20)
      return null
    },
    { agents: ['node-1', 'node-2', 'node-3'] },
  )
  gateway.tunnel.connected = ['node-1', 'node-2', 'node-3']
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 502 /)
  t.equal(app.requests.length, 2)
  first = 'HTTP/1.1 2'
  gateway.tunnel.connected = ['node-1', 'node-2']
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 502 /)
  t.equal(app.requests.length, 3)
  const before = app.requests.length
  first = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab'
  gateway.tunnel.connected = ['node-1', 'node-2']
  t.match(await raw(gateway, ask('GET /')), /ab$/)
  t.equal(app.requests.length, before + 1)
  t.match(gateway.requests().at(-1), { success: false, reason: 'link_lost' })
})

t.test('J139 an app that hangs up on a new connection is not asked again', async (t) => {
  const { app, gateway } = await open(t, (_, socket) => {
    socket.destroy()
    return null
  })
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 502 [\s\S]*app_reset/)
  t.equal(app.requests.length, 1)
})

t.test(
  'F88 a connection is not reused after unexpected bytes, a close, or a change of the app',
  async (t) => {
    const used: unknown[] = []
    let says = OK
    const { app, gateway } = await open(t, (_, socket) => {
      used.push(socket)
      return says
    })
    const other = async (what: string) => {
      t.match(await raw(gateway, ask('GET /')), /ok$/, what)
      t.not(used.at(-1), used.at(-2), what)
    }
    t.match(await raw(gateway, ask('GET /')), /ok$/)
    t.match(await raw(gateway, ask('GET /')), /ok$/)
    t.equal(used[0], used[1], 'else it does')
    for (const socket of app.sockets) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
    await until(() => app.sockets.size === 0, 'words unasked end it')
    says = OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
    await other('words unasked')
    says = OK
    await other('a farewell')
    gateway.apps.set('a.apps.test', appAt(app.port))
    await other('a change of the app')
  },
)

t.test('Q185 J139 a plugin that fails to choose an agent costs a request, never the hub', async (t) => {
  const { app, gateway } = await open(t, () => null)
  let chosen = 0
  const choose = gateway.tunnel.candidates.bind(gateway.tunnel)
  gateway.tunnel.candidates = (one) => {
    if (++chosen > failsAfter) throw new Error('no choice')
    return choose(one)
  }
  let failsAfter = 0
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 502 [\s\S]*agent_choice_failed/)
  chosen = 0
  failsAfter = 1
  const answer = raw(gateway, ask('GET /'))
  await until(() => app.requests.length > 0, 'the app is asked')
  gateway.tunnel.disconnect('node-1')
  t.match(await answer, /^HTTP\/1.1 502 [\s\S]*agent_choice_failed/, 'when the request is repeated as well')
  t.match(gateway.warnings, [[{ reason: 'agent_choice_failed', cause: 'no choice' }]])
})

t.test('an idle response is cut and recorded as idle', async (t) => {
  const part = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab'
  const timeouts = { connectMs: 20_000, responseMs: 20_000, idleMs: 300 }
  const { gateway } = await open(t, () => part, { timeouts })
  const watch = startStopwatch()
  t.match(await raw(gateway, ask('GET /')), /ab$/)
  t.ok(watch.took() < 10_000)
  t.match((await gateway.recorded(1))[0], { success: false, reason: 'idle' })
  t.equal(gateway.live.size, 0)
})

t.test(
  'every request to a failing app is counted, and one of a flood is logged with its request id',
  async (t) => {
    const { gateway } = await open(t)
    gateway.tunnel.connected = []
    const answers: string[] = []
    for (let n = 0; n < 5; n++) answers.push(await raw(gateway, ask('GET /')))
    t.strictSame(gateway.failed, Array(5).fill('agent_none'))
    t.equal(gateway.warnings.length, 1)
    const [fields, message] = gateway.warnings[0] as [{ request_id: string }, string]
    t.equal(message, 'an app did not respond')
    t.match(fields, { app: 'a', user: 'ann', reason: 'agent_none' })
    t.ok(answers[0]?.includes(fields.request_id), 'the id that the visitor was told')
  },
)

t.test('every denial is recorded exactly once', async (t) => {
  const { app, gateway } = await open(t)
  const refused: readonly [request: string, status: number, reason: string][] = [
    [ask('GET /', 'X_Mezite_User: evil'), 400, 'header_refused'],
    [ask('GET /').replace('a.apps.test', 'x@a.apps.test'), 400, 'host_invalid'],
    [ask('GET /').replace('a.apps.test', 'evil.test'), 421, 'misdirected_request'],
    [ask('POST /', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 400, ''],
    [ask('GET /', ...Array.from({ length: 101 }, (_, i) => `a${i}: b`)), 431, 'headers_too_many'],
    ['garbage\r\n\r\n', 400, 'request_invalid'],
    [ask('CONNECT a.apps.test:443'), 405, 'method_not_allowed'],
    [ask('POST /', 'Content-Length: 0', 'Origin: https://b.apps.test'), 403, 'origin_not_allowed'],
    [ask('POST /.mezite/logout', 'Origin: https://b.apps.test'), 403, 'origin_not_allowed'],
    [ask('GET /.mezite/session?code=x&path=/'), 400, 'handover_refused'],
  ]
  for (const [request, status, reason] of refused) {
    const before = denials(gateway).length
    t.match(await raw(gateway, request), new RegExp(`^HTTP/1.1 ${status} `), reason)
    t.equal(denials(gateway).length, before + 1, reason)
    if (reason !== '') t.equal(denials(gateway).at(-1), reason)
  }
  gateway.state.decision = { effect: 'deny', reason: 'role_missing', roles: [], requirements: [] }
  const before = denials(gateway).length
  t.match(
    await raw(gateway, ask('HEAD /', ...NAVIGATE)),
    /^HTTP\/1.1 403 [\s\S]*\r\n\r\n$/,
    'HEAD has no body',
  )
  t.equal(denials(gateway).length, before + 1)
  t.equal(app.requests.length, 0)
  t.equal(gateway.requests().length, 0)
})

t.test('access that ends while a connection is opened is recorded as 403', async (t) => {
  const { app, gateway } = await open(t)
  const { dial } = gateway.tunnel
  gateway.tunnel.dial = async (...given) => {
    gateway.state.revision++
    gateway.state.decision = { effect: 'deny', reason: 'locked', roles: [], requirements: [] }
    return dial.apply(gateway.tunnel, given)
  }
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 403 [\s\S]*revoked/)
  t.strictSame(denials(gateway), ['revoked'])
  t.equal(app.requests.length, 0)
})

t.test('F85 a denied upload that expects 100 gets none, and its connection closes', async (t) => {
  const { gateway } = await open(t)
  const socket = await gateway.dial()
  socket.write('POST / HTTP/1.1\r\nHost: a.apps.test\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n')
  const text = await readUntil(socket, /login_required[\s\S]*\}$/)
  t.match(text, /^HTTP\/1.1 401 [\s\S]*\r\nConnection: close\r\n/)
  const rest = readAll(socket)
  socket.write('0123456789GET /smuggled HTTP/1.1\r\nHost: a.apps.test\r\n\r\n')
  t.equal(await rest, '')
})

t.test('F91 a refusal reaches a client that is still sending a large body', async (t) => {
  const { gateway } = await open(t)
  for (let i = 0; i < 5; i++) {
    const socket = await gateway.dial()
    const all = readAll(socket)
    socket.write('POST / HTTP/1.1\r\nHost: a.apps.test\r\nContent-Length: 4000000\r\n\r\n')
    for (let sent = 0; sent < 4; sent++) socket.write(Buffer.alloc(1_000_000))
    t.match(await all, /^HTTP\/1.1 401 [\s\S]*login_required/)
  }
})

t.test('B24 F92 a browser that slowly sends too large a head can read the refusal', async (t) => {
  const { gateway } = await open(t)
  const socket = await gateway.dial()
  const errors: Error[] = []
  socket.on('error', (error) => errors.push(error))
  socket.pause()
  socket.write(ask('GET /', ...NAVIGATE, `Cookie: a=${'x'.repeat(60_000)}`).slice(0, -4), 'latin1')
  for (let sent = 0; sent < 3; sent++) {
    await new Promise((resolve) => setTimeout(resolve, 400))
    socket.write('x'.repeat(60_000))
  }
  const all = readAll(socket)
  socket.resume()
  t.match(await all, /^HTTP\/1.1 431 [\s\S]*<form method="post" action="\/.mezite\/reset">/)
  t.strictSame(errors, [], 'no reset takes the answer away')
})

t.test('B24 a cookie bomb gets 431 with a remedy that only its own page can use', async (t) => {
  const { app, gateway } = await open(t)
  const bomb = Array.from({ length: 60 }, (_, i) => `bomb${i}=${'x'.repeat(4000)}`).join('; ')
  const bombed = (line: string, ...headers: string[]) =>
    ask(line, ...headers).replace(COOKIE, `${COOKIE}; ${bomb}`)
  const scripted = ['Origin: https://a.apps.test', 'Content-Length: 0', 'Sec-Fetch-Mode: navigate']
  const own = [...scripted, 'Sec-Fetch-User: ?1']
  for (let i = 0; i < 3; i++) {
    const page = await raw(gateway, bombed('GET /x', ...NAVIGATE))
    t.match(page, /^HTTP\/1.1 431 [\s\S]*<form method="post" action="\/.mezite\/reset">/)
    t.notMatch(page, /Location:|Clear-Site-Data/, 'no loop, and nothing is deleted unasked')
  }
  for (const foreign of [
    ['Origin: https://b.apps.test', 'Content-Length: 0'],
    ['Origin: null', 'Sec-Fetch-Site: cross-site', 'Content-Length: 0'],
  ])
    t.notMatch(await raw(gateway, bombed('POST /.mezite/reset', ...foreign)), /Clear-Site-Data/)
  t.notMatch(await raw(gateway, bombed('GET /.mezite/reset', ...NAVIGATE)), /Clear-Site-Data/)
  t.notMatch(
    await raw(gateway, bombed('POST /.mezite/reset', ...scripted)),
    /Set-Cookie/,
    'a form that a script of the app sends',
  )
  t.match(await raw(gateway, ask('GET /small')), / 200 OK/, 'what fits is served as ever')
  const done = await raw(gateway, bombed('POST /.mezite/reset', ...own))
  t.match(done, /^HTTP\/1.1 200 [\s\S]*Set-Cookie: bomb59=; Path=\/; Max-Age=0/)
  t.notMatch(done, /Clear-Site-Data|mezite_app/, 'and the person stays signed in')
  t.match(done, /Domain=apps\.test/)
  t.notMatch(done, /Domain=test/, 'cookies above the apps are those of other systems')
  const hub = ['Host: hub.test', 'Origin: https://hub.test', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-User: ?1']
  const there = `POST /.mezite/reset HTTP/1.1\r\n${[...hub, `Cookie: ${bomb}`].join('\r\n')}\r\nContent-Length: 0\r\n\r\n`
  t.match(
    await raw(gateway, there, 'hub.test'),
    /^HTTP\/1.1 431 [\s\S]*<form method="post"/,
    'on the hub’s host too',
  )
  t.match(await raw(gateway, there, 'hub.test'), /^HTTP\/1.1 200 [\s\S]*Set-Cookie: bomb59=/)
  t.equal(app.requests.length, 1)
})

t.test('B24 a cookie bomb that only the app rejects gets the same remedy', async (t) => {
  const refusal = (status: string) => `HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\nhuge!`
  let answer = refusal('431 Request Header Fields Too Large')
  const { gateway } = await open(t, () => answer)
  const bombed = (line: string, ...headers: string[]) =>
    ask(line, ...headers).replace(COOKIE, `${COOKIE}; bomb=${'x'.repeat(8_000)}`)
  const page = /^HTTP\/1.1 431 [\s\S]*<form method="post" action="\/.mezite\/reset">/
  t.match(await raw(gateway, bombed('GET /x', ...NAVIGATE)), page)
  t.match(gateway.requests().at(-1), { reason: 'headers_too_large', fields: { status: 431 } })
  t.match(await raw(gateway, bombed('GET /x', 'Sec-Fetch-Mode: cors')), /huge!$/, 'a script reads the app')
  answer = refusal('400 Bad Request')
  t.match(
    await raw(gateway, bombed('GET /x', ...NAVIGATE)),
    /^HTTP\/1.1 400 [\s\S]*huge!$/,
    'it may mean anything',
  )
  answer = answer.replace('Content', 'Connection: close\r\nContent')
  t.match(await raw(gateway, bombed('GET /x', ...NAVIGATE)), page, 'as nginx and Apache say it')
  t.match(
    await raw(gateway, ask('GET /x', ...NAVIGATE)),
    /^HTTP\/1.1 400 [\s\S]*huge!$/,
    'no cookie is to blame',
  )
  answer = refusal('404 Not Found')
  t.match(await raw(gateway, bombed('GET /x', ...NAVIGATE)), /^HTTP\/1.1 404 [\s\S]*huge!$/)
  const own = ask('POST /.mezite/reset', 'Content-Length: 0', 'Origin: https://a.apps.test')
  t.notMatch(await raw(gateway, own), /Set-Cookie/, 'B25 a script of the app cannot ask for it')
})

t.test('a 103 keeps its safe headers, and other interim responses pass too', async (t) => {
  const { gateway } = await open(
    t,
    () =>
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n' +
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>\r\nX-Trace: 7\r\nX-Mezite-User: evil\r\nSet-Cookie: __Host-mezite_app=evil\r\n\r\n' +
      OK,
  )
  const answer = await raw(gateway, ask('GET /'))
  t.match(
    answer,
    /^HTTP\/1.1 102 Processing\r\n\r\nHTTP\/1.1 103 Early Hints\r\nLink: <\/a.css>; rel=preload\r\nLink: <\/b.js>\r\nX-Trace: 7\r\n\r\nHTTP\/1.1 200 OK/,
  )
  t.notMatch(answer, /evil/)
})

t.test('F90 a refusal of a pipelined request keeps its place among responses', async (t) => {
  const { gateway } = await open(t, (request) => {
    const path = request.split(' ')[1] ?? ''
    return `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`
  })
  const socket = await gateway.dial()
  socket.write(
    keep('GET /1') +
      keep('POST /2', 'Content-Length: 0', 'Origin: https://b.apps.test') +
      keep('GET /3') +
      keep('GET /4').replace(COOKIE, 'a=b') +
      keep('GET /5') +
      keep('GET /6', 'X_Mezite_User: evil') +
      keep('GET /7'),
  )
  const text = await readAll(socket)
  t.strictSame(
    text.match(/HTTP\/1.1 \d+/g)?.map((line) => line.slice(9)),
    ['200', '403', '200', '401', '200', '400'],
    'the last is no request that could be read, so nothing behind it is',
  )
})

t.test('F90 a pipelining client cannot open connections to an app without end', async (t) => {
  const warnings: string[] = []
  const warned = ({ message }: Error) => warnings.push(message)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  let silent = true
  const { app, gateway } = await open(t, () => (silent ? null : OK))
  const socket = await gateway.dial()
  socket.write(keep('GET /').repeat(1_000))
  await until(() => app.requests.length >= 100, 'the app has what it may have at once')
  silent = false
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  for (const waiting of app.sockets) waiting.write(OK)
  await until(() => socket.destroyed, 'the connection ends')
  const statuses = text.match(/(?<=HTTP\/1.1 )\d+/g)
  t.strictSame(statuses, [...Array.from({ length: 100 }, () => '200'), '429'])
  t.strictSame(warnings, [], 'what is read away behind it leaves no listener each')
  t.equal(gateway.tunnel.dials.length, 100, 'none while they wait')
  const recorded = await gateway.recorded(101)
  t.strictSame(
    recorded.filter(({ reason }) => reason === 'pipeline_too_long').map(({ fields }) => fields?.agent),
    [null],
  )
})

t.test('the log describes failures of an app in the words of its operator', async (t) => {
  const servers: Server[] = []
  const take = (then: (socket: Socket) => void) =>
    createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => then(socket))
    })
  // A fatal alert, as TLS servers send it (RFC 8446 section 6.2).
  const tls = take((socket) => socket.end(Buffer.from('15030100020246', 'hex')))
  const h2 = (then: Parameters<ReturnType<typeof createHttp2Server>['on']>[1]) =>
    createHttp2Server().on('stream', (stream, ...more) => {
      stream.on('error', () => {})
      then(stream, ...more)
    })
  const cases: readonly (readonly [string, Server, string])[] = [
    ['closed the connection without a response', take((socket) => socket.end()), '1.1'],
    [
      'closed the connection in the middle of its response',
      take((socket) => socket.end('HTTP/1.1 200')),
      '1.1',
    ],
    ['reset the connection', take((socket) => socket.resetAndDestroy()), '1.1'],
    ['http:// to a port that speaks TLS; set uri of the app to https://', tls, '1.1'],
    [
      'the app does not speak HTTP/2; set http.version of the app to 1.1',
      take((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      'h2c',
    ],
    ['the app closed the connection', h2((stream) => stream.session?.destroy()), 'h2c'],
    [
      'the app ended the request with the HTTP/2 error ENHANCE_YOUR_CALM',
      h2((stream) => stream.close(11)),
      'h2c',
    ],
    ['the app reset the connection', h2((stream) => stream.session?.socket.resetAndDestroy()), 'h2c'],
  ]
  for (const [words, server, httpVersion] of cases) {
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const gateway = await openGateway(appAt(port, { httpVersion: httpVersion as 'h2c', agents: ['node-1'] }))
    t.match(await raw(gateway, `${ask('POST /', 'Content-Length: 1')}x`), / 502 /)
    const [{ cause }] = gateway.warnings[0] as [{ cause: string }]
    t.match(cause, words)
    t.notMatch(cause, /\bE(?:CONN|PIPE|RR_)|NGHTTP2/)
    await gateway.close()
    server.close()
  }
})
