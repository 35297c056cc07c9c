// together: programs
/** Rules about operations of JSON-RPC and gRPC, what documents may say, and what the bodies of other apps cost. */

import { request } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import * as grpc from '@grpc/grpc-js'
import t from 'tap'
import { serve, startOperations } from './operations-world.ts'

const rpc = { methods: ['POST'], paths: ['/rpc'] }
const every = { methods: ['*'], paths: ['/**'] }
const world = await startOperations(
  t,
  {
    clerk: {
      allow: {
        app_rules: [
          { ...rpc, operations: { jsonrpc: ['ledger.*'], record: ['account'] } },
          { methods: ['POST'], paths: ['/mcp'], operations: { mcp: ['tools/call:read'] } },
          { methods: ['POST'], paths: ['/plain'] },
          { methods: ['POST'], paths: ['/both'], operations: { jsonrpc: ['a'] } },
          { methods: ['POST'], paths: ['/both'], operations: { mcp: ['*'] } },
        ],
      },
      deny: { app_rules: [{ ...rpc, operations: { jsonrpc: ['ledger.close'] } }] },
    },
    caller: {
      allow: {
        app_rules: [
          { methods: ['POST'], paths: ['/*/*'], operations: { grpc: ['test.Echo/*'] } },
          { methods: ['POST'], paths: ['/*/*'], operations: { grpc: ['test.Admin/Read'] } },
        ],
      },
      deny: { app_rules: [{ ...every, operations: { grpc: ['test.Echo/drop'] } }] },
    },
  },
  { 'app-rules': { body_bytes: 4_096 } },
)
const { hub, register, fetchAs, eventOf } = world
const received: string[] = []
const web = await serve(t, async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  received.push(Buffer.concat(chunks).toString())
  response.setHeader('content-type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}')
})
await register('ledger', { uri: web })
const send = async (path: string, body: unknown, init: RequestInit = {}) => {
  const fetch = await fetchAs('clerk', 'ledger')
  const answer = await fetch(new URL(path, hub.appUrl('ledger')), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  })
  return { status: answer.status, text: await answer.text() }
}
/** The status of a POST to exactly this path. */
const statusOf = ({ hostname, port }: URL, path: string, bearer: string) =>
  new Promise<number>((resolve, reject) => {
    const sent = request({
      ...{ host: '127.0.0.1', port, servername: hostname, ca: hub.ca, path, method: 'POST' },
      headers: { host: `${hostname}:${port}`, authorization: `Bearer ${bearer}` },
    })
    sent.on('error', reject)
    sent.on('response', (response) => resolve(response.resume().statusCode ?? 0))
    sent.end('x')
  })
const message = (method: string, more: object = {}) => ({ jsonrpc: '2.0', id: 'x', method, ...more })

t.test(
  'JSON-RPC: methods of the role pass byte for byte, and others get an error with the reason',
  async (t) => {
    const body = ` ${JSON.stringify(message('ledger.read', { params: { account: 7, pin: 1 } }))}\n`
    t.match(await send('/rpc', body), { status: 200, text: /result/ })
    t.equal(received.at(-1), body)
    const before = received.length
    for (const method of ['ledger.close', 'LEDGER.close', 'other.read', 'Ledger.read']) {
      const { status, text } = await send('/rpc', message(method))
      t.equal(status, 200)
      const { id, error } = JSON.parse(text)
      t.match({ id, error }, { id: 'x', error: { data: { reason: 'operation_not_allowed' } } }, method)
      t.match(await eventOf('access.denied', error.data.request_id), { operation: method })
    }
    for (const wrong of [
      message('ledger.read', { method2: 1 }),
      { ...message('ledger.read'), jsonrpc: '1.0' },
      message('ledger.read', { params: 'x' }),
      { jsonrpc: '2.0', id: 1, result: 1 },
      message('ledger.read', { params: { account: 'x'.repeat(4_096) } }),
      7,
    ])
      t.match(await send('/rpc', wrong), { status: 400, text: /"reason":"operation_unreadable"/ })
    t.match(await send('/rpc', { jsonrpc: '2.0', method: 'other.read' }), { status: 403 }, 'a notification')
    t.equal(received.length, before)
  },
)

t.test('a body in pieces of any size is decided as a whole, and a compressed one is refused', async (t) => {
  let bearer = ''
  await fetchAs('clerk', 'ledger', (value) => {
    bearer = value
  })
  const { hostname, port } = new URL(hub.appUrl('ledger'))
  const post = (path: string, body: Buffer, size: number, more: object = {}) =>
    new Promise<string>((resolve, reject) => {
      const sent = request({
        ...{ host: '127.0.0.1', port, servername: hostname, ca: hub.ca, path, method: 'POST' },
        headers: {
          host: `${hostname}:${port}`,
          authorization: `Bearer ${bearer}`,
          'content-type': 'application/json',
          ...more,
        },
      })
      sent.on('error', reject)
      sent.on('response', async (response) => {
        const pieces: Buffer[] = []
        for await (const piece of response) pieces.push(piece as Buffer)
        resolve(Buffer.concat(pieces).toString())
      })
      const write = async () => {
        for (let at = 0; at < body.length; at += size) {
          sent.write(body.subarray(at, at + size))
          await sleep(1)
        }
        sent.end()
      }
      write().catch(reject)
    })
  const call = (name: string) => message('tools/call', { params: { name, arguments: { text: 'é' } } })
  for (const [path, good, bad] of [
    [
      '/rpc',
      message('ledger.read', { params: { text: 'é' } }),
      message('ledger.close', { params: { text: 'é' } }),
    ],
    ['/mcp', call('read'), call('drop')],
  ] as const) {
    const [allowed, denied] = [good, bad].map((one) => Buffer.from(JSON.stringify(one))) as [Buffer, Buffer]
    for (const size of [1, 2, 7, 33]) {
      t.match(await post(path, allowed, size), /"result"/)
      t.equal(received.at(-1), allowed.toString())
      const before = received.length
      t.match(await post(path, denied, size), /operation_not_allowed/)
      t.equal(received.length, before)
    }
    const before = received.length
    for (const encoding of ['gzip', 'br', 'identity, gzip'])
      t.match(
        await post(path, gzipSync(allowed), 7, { 'content-encoding': encoding }),
        /operation_unreadable/,
        encoding,
      )
    t.equal(received.length, before)
  }
})

t.test('a client that goes away gives the place back at which its body was read', async (t) => {
  let bearer = ''
  await fetchAs('clerk', 'ledger', (value) => {
    bearer = value
  })
  const { hostname, port } = new URL(hub.appUrl('ledger'))
  const uploads = Array.from({ length: 32 }, () => {
    const sent = request({
      ...{
        host: '127.0.0.1',
        port,
        servername: hostname,
        ca: hub.ca,
        path: '/rpc',
        method: 'POST',
        agent: false,
      },
      headers: {
        host: `${hostname}:${port}`,
        authorization: `Bearer ${bearer}`,
        'content-type': 'application/json',
        'content-length': 100,
      },
    })
    sent.on('error', () => {})
    sent.write('{')
    return sent
  })
  t.teardown(() => {
    for (const sent of uploads) sent.destroy()
  })
  const asked = () => send('/rpc', message('ledger.read'))
  const until = async (status: number, most: number) => {
    const begun = Date.now()
    while ((await asked()).status !== status && Date.now() - begun < most) await sleep(50)
    return Date.now() - begun < most
  }
  t.ok(await until(429, 8_000), 'a person has 32 places')
  for (const sent of uploads) sent.destroy()
  t.ok(await until(200, 4_000), 'free long before the deadline of bodies')
})

t.test('two protocols at one address are denied, and bodies of other addresses are not read', async (t) => {
  t.match(await send('/both', message('a')), { status: 400, text: /operation_unreadable/ })
  const big = 'x'.repeat(100_000)
  t.equal((await send('/plain', big)).status, 200)
  t.equal(received.at(-1), big)
})

t.test('a rule has operations of one protocol, and each of its patterns could be one', async (t) => {
  for (const [operations, why, more = {}] of [
    [{}, /exactly one/],
    [{ mcp: ['x'], grpc: ['a.B/C'] }, /exactly one/],
    [{ grpc: ['Method'] }, /not an operation of grpc/],
    [{ mcp: ['a b'] }, /not an operation of mcp/],
    [{ mcp: ['tools/*:x'] }, /not an operation of mcp/],
    [{ grpc: ['a.B/C'], record: ['x'] }, /bodies/],
    [{ mcp: ['*'] }, /WebSocket/, { upgrade: 'websocket' }],
    [{ soap: ['x'] }, /soap/],
  ] as readonly [object, RegExp, object?][])
    await t.rejects(
      hub.api('PUT', '/roles/wrong', {
        kind: 'role',
        version: 'v1',
        metadata: { name: 'wrong' },
        spec: { allow: { app_labels: { '*': '*' }, app_rules: [{ ...every, ...more, operations }] } },
      }),
      why,
    )
})

t.test('gRPC: the path decides, streams pass, and a denial is a status of gRPC', async (t) => {
  const bytes = (value: Buffer) => value
  const codec = {
    ...{ requestSerialize: bytes, requestDeserialize: bytes },
    ...{ responseSerialize: bytes, responseDeserialize: bytes },
  }
  const method = (path: string, stream = false) => ({
    path,
    requestStream: stream,
    responseStream: stream,
    ...codec,
  })
  const service = {
    say: method('/test.Echo/say'),
    chat: method('/test.Echo/chat', true),
    drop: method('/test.Echo/drop'),
    Read: method('/test.Admin/Read'),
    Write: method('/test.Admin/Write'),
  }
  const seen: string[] = []
  const unary = (name: string) => (_: unknown, done: grpc.sendUnaryData<Buffer>) => {
    seen.push(name)
    done(null, Buffer.from(name))
  }
  const server = new grpc.Server()
  server.addService(service, {
    say: unary('say'),
    drop: unary('drop'),
    Read: unary('Read'),
    Write: unary('Write'),
    chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      call.on('data', (chunk: Buffer) => call.write(chunk))
      call.on('error', () => {})
    },
  })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  t.teardown(() => server.forceShutdown())
  await register('calls', { uri: `http://127.0.0.1:${port}`, http: { version: 'h2c' } })
  const { hostname, port: publicPort } = new URL(hub.appUrl('calls'))
  const Client = grpc.makeGenericClientConstructor(service, 'Test')
  const client = new Client(`127.0.0.1:${publicPort}`, grpc.credentials.createSsl(Buffer.from(hub.ca)), {
    'grpc.ssl_target_name_override': hostname,
    'grpc.default_authority': `${hostname}:${publicPort}`,
  }) as never as grpc.Client & Record<string, (...args: unknown[]) => grpc.ClientDuplexStream<Buffer, Buffer>>
  t.teardown(() => client.close())
  let bearer = ''
  await fetchAs('caller', 'calls', (value) => {
    bearer = value
  })
  const metadata = new grpc.Metadata()
  metadata.set('authorization', `Bearer ${bearer}`)
  const call = (name: string) =>
    new Promise<{ code: number; details: string }>((resolve) => {
      client[name]?.(Buffer.from('x'), metadata, (error: grpc.ServiceError | null) =>
        resolve(error ?? { code: 0, details: '' }),
      )
    })
  t.equal((await call('say')).code, grpc.status.OK)
  t.equal((await call('Read')).code, grpc.status.OK)
  for (const name of ['Write', 'drop']) {
    const denied = await call(name)
    t.match(denied, { code: grpc.status.PERMISSION_DENIED, details: /operation_not_allowed/ }, name)
    const id = /request ([\w-]+)/.exec(denied.details)?.[1] ?? ''
    t.match(await eventOf('access.denied', id), { operation: new RegExp(`/${name}$`) })
  }
  t.same(seen, ['say', 'Read'])
  for (const path of [
    '/test.Echo%2Fsay',
    '/test.Echo/say/',
    '//test.Echo/say',
    '/test.Echo/say?x',
    '/test.Echo/s%61y',
    '/test.Echo/say;x',
    '/x/../test.Echo/say',
  ]) {
    const answer = await statusOf(new URL(hub.appUrl('calls')), path, bearer)
    t.ok(answer === 400 || answer === 403, `${path} ${answer}`)
  }
  t.equal(seen.length, 2, 'another spelling of a path never reaches the server')
  const chat = client.chat?.(metadata) as grpc.ClientDuplexStream<Buffer, Buffer>
  const failed = new Promise<grpc.ServiceError>((resolve) => chat.on('error', resolve as never))
  chat.write(Buffer.from('hello'))
  t.equal(
    String(await new Promise((resolve) => chat.once('data', resolve))),
    'hello',
    'before the stream ends',
  )
  await hub.api('PUT', '/bots/caller', {
    ...{ kind: 'bot', version: 'v1', metadata: { name: 'caller' } },
    spec: { roles: ['guests'] },
  })
  t.not((await failed).code, grpc.status.OK, 'a stream is cut when the role goes')
})
