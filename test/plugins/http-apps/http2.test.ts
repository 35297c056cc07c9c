// together: protocols
/** Requests of browsers over HTTP/2: what the app sees of them, and what the browser sees of its answers. */
import type { OutgoingHttpHeaders } from 'node:http2'
import { queryObjects } from 'node:v8'
import t from 'tap'
import { HttpExchange } from '../../../plugins/http-apps/relay/exchange.ts'
import { DATA, type Fields, frame } from '../../traffic/http/raw-http2.ts'
import { until } from '../../until.ts'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, COOKIE, openGateway } from './gateway.ts'
import { answer, fields, rawClient, send } from './http2-requests.ts'

t.test('HTTP/2 requests reach the app', async (t) => {
  const app = await openByteApp((request) => {
    const path = request.split(' ')[1] ?? ''
    if (path === '/204') return 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n'
    if (path === '/304') return 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n'
    if (request.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n'
    if (path === '/hop')
      return 'HTTP/1.1 200 Fine\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Mezite-User: eve\r\nAlt-Svc: h3=":1"\r\nSet-Cookie: a=1; Domain=apps.test\r\nSet-Cookie: b=2\r\nX-Two: 1\r\nX-Two: 2\r\nContent-Length: 0\r\n\r\n'
    if (path === '/trailers')
      return 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nConstructor: 1\r\n__proto__: 2\r\nX-Mezite-User: eve\r\nContent-Length: 9\r\n\r\n'
    if (path === '/hints')
      return 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConstructor: 1\r\nX-Mezite-User: eve\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    return OK
  })
  const gateway = await openGateway(appAt(app.port))
  t.teardown(() => {
    app.close()
    return gateway.close()
  })
  const session = await gateway.session()
  const ask = (more: OutgoingHttpHeaders = {}) => answer(send(session, more))
  const last = () => app.requests.at(-1) ?? ''

  await t.test('a request reaches the app as HTTP/1.1 and is recorded once', async (t) => {
    const got = await ask({ ':path': '/x?y=1;%2f//..', accept: 'a/b' })
    t.match(got, { status: 200, body: 'ok', code: 0 })
    t.match(last(), /^GET \/x\?y=1;%2f\/\/\.\. HTTP\/1\.1\r\nHost: /)
    const records = await gateway.recorded(1)
    t.equal(records.length, 1)
    const wanted = { status: 200, method: 'GET', path: '/x', bytes_in: 0, bytes_out: 2 }
    t.match(records[0], { success: true, user: 'ann', reason: null, fields: wanted })
  })

  await t.test('memory of a finished request is freed while its connection lives', async () => {
    for (let n = 0; n < 50; n++) await ask()
    await gateway.recorded(51)
    const Kind = HttpExchange as unknown as new () => object
    const left = () => queryObjects(Kind, { format: 'count' }) as unknown
    await until(() => left() === 0, 'the last one is let go')
  })

  await t.test(
    'A1 A2 A5 the app gets one of each identity header, from the hub, in the first place',
    async (t) => {
      await ask({
        'x-mezite-user': ['eve', 'mallory'],
        'x-mezite-roles': 'admin',
        'mezite-jwt-assertion': 'forged',
        'x-forwarded-for': '6.6.6.6',
        'x-real-ip': '6.6.6.6',
        te: 'trailers',
      })
      const lines = last().split('\r\n')
      t.equal(lines.filter((line) => /^x-mezite-user:/i.test(line)).join(), 'X-Mezite-User: ann')
      t.equal(lines.filter((line) => /^mezite-jwt-assertion:/i.test(line)).length, 1)
      t.match(lines[2], /^Mezite-Jwt-Assertion: head\.body\.signature$/)
      t.notMatch(last(), /eve|mallory|forged|6\.6\.6\.6|^te:/im)
      t.match(last(), /X-Forwarded-For: 192\.0\.2\.7\r\n/)
    },
  )

  await t.test('A3 a spelling that a CGI would take for one is refused', async (t) => {
    const before = app.requests.length
    for (const name of ['x_mezite_user', 'mezite_jwt_assertion'])
      t.equal((await ask({ [name]: 'eve' })).status, 400)
    t.equal(app.requests.length, before)
  })

  await t.test(
    'A12 parts of a cookie header are joined, the hub’s cookies removed, the others kept',
    async (t) => {
      await ask({ cookie: ['a=1', COOKIE, 'b="2"'] })
      t.match(last(), /\r\nCookie: a=1; b="2"\r\n/i)
      t.notMatch(last(), /__Host-mezite/)
      t.equal(last().match(/\r\ncookie:/gi)?.length, 1)
    },
  )

  await t.test('F89 HEAD, 204 and 304 have no body', async (t) => {
    t.match(await ask({ ':method': 'HEAD' }), {
      status: 200,
      body: '',
      headers: { 'content-length': '5000' },
    })
    t.match(await ask({ ':path': '/204' }), { status: 204, body: '', headers: { 'x-a': '1' } })
    t.match(await ask({ ':path': '/304' }), { status: 304, body: '', headers: { etag: '"x"' } })
  })

  await t.test('A13 headers of a connection or of the hub are removed from responses', async (t) => {
    const { headers, status } = await ask({ ':path': '/hop' })
    t.equal(status, 200)
    for (const name of ['connection', 'keep-alive', 'x-hop', 'x-mezite-user', 'alt-svc'])
      t.equal(headers[name], undefined, name)
    t.same(headers['set-cookie'], ['a=1', 'b=2'])
    t.equal(headers['x-two'], '1, 2')
    t.match(headers['strict-transport-security'], /max-age/)
  })

  await t.test('interim responses are sent early', async (t) => {
    const stream = send(session, { ':path': '/hints' })
    const early: unknown[] = []
    stream.on('headers', (one) => early.push({ ...one }))
    t.match(await answer(stream), { status: 200, body: 'ok' })
    t.match(early, [{ ':status': 103, link: '</a>', constructor: '1' }])
    t.equal(early.length, 1)
    t.notMatch(JSON.stringify(early), /eve/)
  })

  await t.test('A5 trailers pass in both directions, without reserved names', async (t) => {
    const got = await ask({ ':path': '/trailers' })
    t.match(got, { status: 200, body: 'ok', trailers: { 'x-sum': '7' } })
    t.same(Object.keys(got.trailers ?? {}), ['x-sum', 'constructor', '__proto__'], 'whatever they are called')
    const client = await rawClient(gateway)
    client.request(1, fields('POST'), false)
    client.send(frame(DATA, 0, 1, Buffer.from('hello')))
    client.request(1, [
      ['x-sum', '7'],
      ['x-mezite-user', 'eve'],
      ['cookie', 'a=1'],
    ])
    t.equal(await client.status(1), 200)
    t.match(last(), /\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n$/)
    client.socket.destroy()
  })

  await t.test('an empty body in its own frame is a body', async (t) => {
    const empty = send(session, { ':method': 'POST', ':path': '/empty' }, true)
    const done = answer(empty)
    empty.end()
    t.match(await done, { status: 200, body: 'ok' })
    t.match(last(), /^POST \/empty [\s\S]*\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$/)
  })

  await t.test('E73 E74 a request for another host is misdirected', async (t) => {
    const before = app.requests.length
    for (const authority of ['b.apps.test', 'hub.test', 'a.apps.test.evil.test', 'a.apps.test:444'])
      t.equal((await ask({ ':authority': authority })).status, 421, authority)
    t.match(await ask({ ':authority': 'A.Apps.Test', host: 'a.apps.test' }), { status: 200 })
    t.equal(app.requests.length, before + 1)
    const misdirected = gateway.records.filter(({ reason }) => reason === 'misdirected_request')
    t.equal(misdirected.length, 2, 'another name that is served is not a denial')
  })

  await t.test('H110 an ambiguous request is refused', async (t) => {
    const before = app.requests.length
    const client = await rawClient(gateway)
    let id = -1
    const status = (list: Fields) => {
      id += 2
      client.request(id, list)
      return client.status(id)
    }
    const get = fields('GET')
    const without = (name: string) => get.filter(([one]) => one !== name)
    const swapped = (name: string, value: string): Fields =>
      get.map(([one, was]) => [one, one === name ? value : was])
    t.equal(await status([...get, ['host', 'b.apps.test']]), 400, 'host is not the authority')
    t.equal(await status(swapped(':scheme', 'http')), 400)
    t.equal(await status(swapped(':authority', 'a.apps.test.')), 400)
    t.equal(await status(swapped(':path', '/a#b')), 400)
    t.equal(await status([...get, ['x-pad', ' x']]), 400, 'white space before a value')
    t.equal(await status([...without(':authority'), ['host', 'a.apps.test']]), 200, 'host alone is enough')
    t.equal(await status(swapped(':method', 'TRACE')), 405)
    t.equal(
      await status(swapped(':method', 'CONNECT').filter(([one]) => one !== ':path' && one !== ':scheme')),
      405,
    )
    t.equal(await status(swapped(':path', `/${'x'.repeat(16_400)}`.slice(0, 15_900))), 200)
    for (const list of [
      [...get, ['host', 'a.apps.test'], ['host', 'b.apps.test']],
      swapped(':authority', 'eve@a.apps.test'),
      [...get, [':method', 'GET']],
      [['x-a', '1'], ...get],
      [...get, ['connection', 'x-mezite-user']],
      [...get, ['transfer-encoding', 'chunked']],
      [...get, ['upgrade', 'websocket']],
      [...get, ['te', 'gzip']],
      [...get, ['X-Upper', '1']],
      [...get, ['content-length', '1'], ['content-length', '2']],
      [...get, [':protocol', 'websocket']],
      without(':path'),
    ] as Fields[])
      t.equal(await status(list), -1, JSON.stringify(list.at(-1)))
    t.equal(app.requests.length, before + 2)
    client.socket.destroy()
  })

  await t.test('F92 H109 a head that is too large is refused, and the connection goes on', async (t) => {
    t.equal(
      (await ask(Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`x-${n}`, '1'])))).status,
      431,
    )
    t.equal((await ask({ 'x-a': 'x'.repeat(33_000) })).status, 431)
    t.equal((await ask({ ':path': `/${'x'.repeat(17_000)}` })).status, 414)
    const asked = {
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      cookie: [COOKIE, `c=${'x'.repeat(40_000)}`],
    }
    const page = await ask(asked)
    t.match(
      page,
      { status: 431, body: /form method="post" action="\/\.mezite\/reset"/ },
      'B24 with a way out',
    )
    const reset = {
      ':method': 'POST',
      ':path': '/.mezite/reset',
      origin: 'https://a.apps.test',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-user': '?1',
    }
    const { status, headers } = await ask({ ...asked, ...reset })
    t.equal(status, 200)
    t.match(String(headers['set-cookie']), /=; Path=\/; Max-Age=0; Secure/)
    t.equal((await ask()).status, 200)
  })

  await t.test('refusals contain the reason, for people and for programs', async (t) => {
    const program = await ask({ cookie: 'a=1' })
    t.match(program, { status: 401, headers: { 'content-type': 'application/problem+json' } })
    t.match(JSON.parse(program.body), {
      code: 'login_required',
      login_url: /^https:\/\/hub\.test\/web\/launch/,
    })
    const person = await ask({ cookie: 'a=1', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' })
    t.match(person, { status: 302, headers: { location: /^https:\/\/hub\.test\/web\/launch/ } })
    const upload = send(session, { ':method': 'POST', cookie: 'a=1' }, true)
    const refused = answer(upload)
    upload.write(Buffer.alloc(100_000))
    t.match(await refused, { status: 401, code: 0 }, 'before the body has come')
  })
})
