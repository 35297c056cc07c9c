// together: quick
/** Answers that are valid HTTP and yet cannot be passed on as they are. */
import t, { type Test } from 'tap'
import { openByteApp } from './byte-app.ts'
import { appAt, ask, COOKIE, type Gateway, openGateway, raw } from './gateway.ts'

async function open(t: Test, answer: string) {
  const app = await openByteApp(() => Buffer.from(answer, 'latin1'))
  const gateway = await openGateway(appAt(app.port))
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  return gateway
}

/** What a browser hears over HTTP/2: status, header names and bytes of the body, or the error that ends the stream. */
async function overHttp2(gateway: Gateway, method = 'GET') {
  const session = await gateway.session()
  const stream = session.request({
    ':authority': 'a.apps.test',
    ':path': '/',
    ':method': method,
    cookie: COOKIE,
  })
  const heard = {
    status: 0,
    names: [] as string[],
    bytes: 0,
    error: null as string | null,
    early: [] as number[],
  }
  stream.on('headers', (headers) => heard.early.push(Number(headers[':status'])))
  stream.on('response', (headers) => {
    heard.status = Number(headers[':status'])
    heard.names = Object.keys(headers)
  })
  stream.on('data', (chunk: Buffer) => {
    heard.bytes += chunk.length
  })
  stream.on('error', (error) => {
    heard.error = error.message
  })
  await new Promise((resolve) => stream.once('close', resolve))
  session.destroy()
  return heard
}

const announced = 'Trailer: X-Sum\r\n'
const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${announced}\r\n`
const chunks = '2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n'

t.test('announced trailers are dropped where none may be, and the response stays', async (t) => {
  const cases = {
    'a length': [ask('GET /'), `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${announced}\r\nok`, 200],
    'HEAD of a chunked one': [ask('HEAD /'), chunked, 200],
    '304': [ask('GET /'), `HTTP/1.1 304 Not Modified\r\n${announced}\r\n`, 304],
    'a client of HTTP/1.0': [ask('GET /').replace('HTTP/1.1', 'HTTP/1.0'), chunked + chunks, 200],
  } as const
  for (const [name, [request, answer, status]] of Object.entries(cases)) {
    const gateway = await open(t, answer)
    const text = await raw(gateway, request)
    t.match(text, new RegExp(`^HTTP/1.1 ${status} `), name)
    t.notMatch(text, /\r\nTrailer:/i, name)
    t.match((await gateway.recorded(1))[0], { success: true, fields: { status } }, name)
  }
  const kept = await raw(await open(t, chunked + chunks), ask('GET /'))
  t.match(kept, /\r\nTrailer: X-Sum\r\n[\s\S]*\r\nX-Sum: 7\r\n\r\n$/, 'where there can be, both stay')
})

t.test('a head that cannot be passed on is recorded as 502, in words of the hub', async (t) => {
  const gateway = await open(t, 'HTTP/1.1 299 Fancy\r\nContent-Length: 2\r\nhttp2-settings: x\r\n\r\nok')
  t.match(await overHttp2(gateway), { status: 502, error: null })
  t.match((await gateway.recorded(1))[0], { reason: 'answer_invalid', fields: { status: 502 } })
})

t.test('a response without a body has no length, and 205 has no body', async (t) => {
  const cases = {
    '204 with a length': ['HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n', 204],
    '205 with a body': ['HTTP/1.1 205 Reset\r\nContent-Length: 3\r\n\r\nabc', 205],
    '205 with chunks': [`HTTP/1.1 205 Reset\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`, 205],
  } as const
  for (const [name, [answer, status]] of Object.entries(cases)) {
    const gateway = await open(t, answer)
    t.match(await overHttp2(gateway), { status, bytes: 0, error: null }, `${name}, HTTP/2`)
    const text = await raw(gateway, ask('GET /'))
    t.match(text, new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*\\r\\n\\r\\n$`), name)
    t.notMatch(text, /content-length: [1-9]|chunked/i, name)
  }
  const early = await open(
    t,
    'HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  )
  t.match(await overHttp2(early), { early: [103], status: 200, bytes: 2, error: null }, '103 with a length')
})

t.test('B26 an app cannot remove the hub’s Strict-Transport-Security', async (t) => {
  const gateway = await open(
    t,
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Hop: 1\r\nConnection: Strict-Transport-Security, X-Hop\r\n\r\nok',
  )
  const text = await raw(gateway, ask('GET /'))
  t.match(text, /\r\nStrict-Transport-Security: max-age=31536000\r\n/)
  t.notMatch(text, /X-Hop/i)
})
