// together: quick
/** gRPC with its own client and server, through the browser port and through a local port of msh. */
import { once } from 'node:events'
import { Agent, createServer as createHttpServer } from 'node:http'
import { createSecureServer, createServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net'
import { duplexPair } from 'node:stream'
import * as grpc from '@grpc/grpc-js'
import type { App } from '@mezite/core'
import t, { type Test } from 'tap'
import { relayHttp2 } from '../../../oclif-cli/msh/http2-relay.ts'
import { until } from '../../until.ts'
import {
  appAt,
  ask,
  COOKIE,
  type Gateway,
  cert as gatewayCert,
  key as gatewayKey,
  openGateway,
  raw,
  TOKEN,
} from './gateway.ts'

const bytes = (value: Buffer) => value
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  ...{
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
})
const service = {
  unary: method('unary', false, false),
  upload: method('upload', true, false),
  download: method('download', false, true),
  chat: method('chat', true, true),
  enough: method('enough', true, false),
}
/** A client whose calls are not typed. */
type AnyClient = Record<string, (...args: unknown[]) => grpc.ClientWritableStream<Buffer>>
type EchoClient = grpc.Client & Record<keyof typeof service, (...args: never[]) => never>
const EchoClient = grpc.makeGenericClientConstructor(service, 'Echo')

async function startServer(t: Test) {
  const seen = { user: '', cancelled: 0, deadlines: 0, open: 0 }
  const server = new grpc.Server()
  server.addService(service, {
    unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      seen.user = String(call.metadata.get('x-mezite-user')[0])
      if (call.request.toString() === 'fail')
        return done({ code: grpc.status.NOT_FOUND, details: 'no such thing' })
      if (call.request.toString() === 'wait') {
        seen.open += 1
        call.on('cancelled', () => {
          seen.cancelled += 1
        })
        return
      }
      const trailer = new grpc.Metadata()
      trailer.set('x-sum', '7')
      done(null, Buffer.from(`echo ${call.request}`), trailer)
    },
    upload(call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      let size = 0
      call.on('data', (chunk: Buffer) => {
        size += chunk.length
      })
      call.on('end', () => done(null, Buffer.from(String(size))))
    },
    /** Responds to the first message, before the client has ended its stream. */
    enough(call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      call.once('data', (chunk: Buffer) => {
        if (chunk.toString() === 'fail') return done({ code: grpc.status.OUT_OF_RANGE, details: 'too much' })
        const trailer = new grpc.Metadata()
        trailer.set('x-sum', '9')
        done(null, Buffer.from('enough'), trailer)
      })
    },
    download(call: grpc.ServerWritableStream<Buffer, Buffer>) {
      for (let n = 0; n < Number(call.request.toString()); n++) call.write(Buffer.alloc(10_000, n % 256))
      call.end()
    },
    chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      call.write(Buffer.from('hello'))
      call.on('data', (chunk: Buffer) => {
        if (chunk.toString() === 'bye')
          call.emit('error', { code: grpc.status.ABORTED, details: 'bye yourself' })
        else call.write(Buffer.from(`you said ${chunk}`))
      })
      call.on('end', () => call.end())
      call.on('cancelled', () => {
        seen.cancelled += 1
      })
    },
  } as never)
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  t.teardown(() => server.forceShutdown())
  return { port, seen }
}

/** A local port of msh, before a stream of a person whom a certificate names. */
async function startMsh(t: Test, gateway: Gateway): Promise<number> {
  gateway.sessions.set('cert', { ...gateway.sessions.get(TOKEN)!, id: 'c1', kind: 'cert', appId: null })
  const agent = new Agent({ keepAlive: true })
  agent.createConnection = () => {
    const [mine, hub] = duplexPair()
    const socket = Object.assign(mine, {
      ...{
        setKeepAlive: () => mine,
        setNoDelay: () => mine,
        setTimeout: () => mine,
        ref: () => mine,
        unref: () => mine,
      },
    })
    gateway.browsers.accept(hub, {
      clientIp: '192.0.2.9',
      clientPort: 1,
      trustedProxy: false,
      serverName: null,
      certified: { sessionId: 'c1', appId: 'app-a' },
    })
    return socket as never
  }
  const http2 = relayHttp2(
    { app: 'a', publicHost: 'a.apps.test', hub: {} as never, confirm: async () => false },
    agent as never,
  )
  const server = createTcpServer((socket) => void http2.emit('connection', socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    agent.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

for (const way of ['the browser port', 'msh'] as const) {
  t.test(`gRPC passes through ${way}`, async (t) => {
    const { port, seen } = await startServer(t)
    const gateway = await openGateway(appAt(port, { httpVersion: 'h2c', agents: ['node-1'] }))
    const metadata = new grpc.Metadata()
    let client: EchoClient
    if (way === 'msh') {
      const local = await startMsh(t, gateway)
      client = new EchoClient(`127.0.0.1:${local}`, grpc.credentials.createInsecure()) as never
    } else {
      metadata.set('cookie', COOKIE)
      const credentials = grpc.credentials.createSsl(gatewayCert, null, null, {
        checkServerIdentity: () => undefined,
      })
      client = new EchoClient(`127.0.0.1:${gateway.port}`, credentials, {
        'grpc.ssl_target_name_override': 'a.apps.test',
        'grpc.default_authority': 'a.apps.test',
      }) as never
    }
    t.teardown(async () => {
      client.close()
      await gateway.close()
    })
    const call = client as unknown as {
      unary(
        body: Buffer,
        metadata: grpc.Metadata,
        options: grpc.CallOptions,
        done: grpc.requestCallback<Buffer>,
      ): grpc.ClientUnaryCall
      upload(metadata: grpc.Metadata, done: grpc.requestCallback<Buffer>): grpc.ClientWritableStream<Buffer>
      enough(metadata: grpc.Metadata, done: grpc.requestCallback<Buffer>): grpc.ClientWritableStream<Buffer>
      download(body: Buffer, metadata: grpc.Metadata): grpc.ClientReadableStream<Buffer>
      chat(metadata: grpc.Metadata): grpc.ClientDuplexStream<Buffer, Buffer>
    }
    const unary = (body: string, options: grpc.CallOptions = {}) => {
      let sent: grpc.ClientUnaryCall | undefined
      let trailer: grpc.Metadata | undefined
      const reply = new Promise<string>((resolve, reject) => {
        sent = call.unary(Buffer.from(body), metadata, options, (error, value) =>
          error ? reject(error) : resolve(`${value} ${trailer?.get('x-sum')[0]}`),
        )
        sent.on('status', (status) => {
          trailer = status.metadata
        })
      })
      return { reply, sent: sent as grpc.ClientUnaryCall }
    }

    await t.test('unary calls return trailers and errors', async (t) => {
      for (let n = 0; n < 3; n++) t.match(await unary('hi').reply, /^echo hi/)
      t.equal(seen.user, 'ann')
      await t.rejects(unary('fail').reply, { code: grpc.status.NOT_FOUND, details: 'no such thing' })
      const many = await Promise.all(Array.from({ length: 20 }, (_, n) => unary(`m${n}`).reply))
      t.equal(many.length, 20)
    })

    await t.test('calls stream from the client, from the server, and both', async (t) => {
      const size = await new Promise<string>((resolve, reject) => {
        const upload = call.upload(metadata, (error, value) =>
          error ? reject(error) : resolve(String(value)),
        )
        for (let n = 0; n < 200; n++) upload.write(Buffer.alloc(5_000))
        upload.end()
      })
      t.equal(size, '1000000')
      let received = 0
      for await (const chunk of call.download(Buffer.from('300'), metadata))
        received += (chunk as Buffer).length
      t.equal(received, 3_000_000)
      const chat = call.chat(metadata)
      const words: string[] = []
      chat.on('data', (chunk: Buffer) => {
        words.push(String(chunk))
        // The next message only follows the reply to the one before.
        if (words.length <= 3) chat.write(Buffer.from(`w${words.length}`))
        else chat.end()
      })
      await once(chat, 'end')
      t.strictSame(words, ['hello', 'you said w1', 'you said w2', 'you said w3'])
    })

    await t.test('status and trailers arrive when the app ends the call first', async (t) => {
      for (let n = 0; n < 20; n++) {
        const trailers = await new Promise<grpc.Metadata>((resolve, reject) => {
          const upload = call.enough(metadata, (error, value) => {
            if (error || value?.toString() !== 'enough') reject(error ?? new Error(String(value)))
          })
          upload.on('status', (status) => resolve(status.metadata))
          upload.write(Buffer.from('one'))
        })
        t.strictSame(trailers.get('x-sum'), ['9'])
      }
      const failed = new Promise((resolve, reject) => {
        call.enough(metadata, (error) => (error ? reject(error) : resolve(null))).write(Buffer.from('fail'))
      })
      await t.rejects(failed, { code: grpc.status.OUT_OF_RANGE, details: 'too much' })
      const chat = call.chat(metadata)
      const status = new Promise<grpc.StatusObject>((resolve) => chat.on('status', resolve))
      chat.on('error', () => {})
      chat.on('data', () => {})
      chat.write(Buffer.from('bye'))
      t.match(await status, { code: grpc.status.ABORTED, details: 'bye yourself' })
    })

    await t.test('deadlines and cancellation reach the app', async (t) => {
      await t.rejects(unary('wait', { deadline: Date.now() + 300 }).reply, {
        code: grpc.status.DEADLINE_EXCEEDED,
      })
      await until(() => seen.cancelled >= 1, 'the app sees the deadline')
      const { reply, sent } = unary('wait')
      await until(() => seen.open >= 2, 'the call is under way')
      sent.cancel()
      await t.rejects(reply, { code: grpc.status.CANCELLED })
      await until(() => seen.cancelled >= 2, 'the app sees the cancellation')
      const chat = call.chat(metadata)
      chat.on('error', () => {})
      await once(chat, 'data')
      chat.cancel()
      await until(() => seen.cancelled >= 3, 'so does a stream')
    })

    await t.test('a call is cut when access ends, and every call is recorded', async (t) => {
      const chat = call.chat(metadata)
      const ended = new Promise<grpc.StatusObject>((resolve) => chat.on('status', resolve))
      chat.on('error', () => {})
      await once(chat, 'data')
      gateway.cutAll('locked')
      const status = await ended
      t.not(status.code, grpc.status.OK)
      await until(() => gateway.requests().some(({ reason }) => reason === 'locked'), 'it is recorded')
      t.match(gateway.requests()[0], {
        user: 'ann',
        fields: { app: 'a', method: 'POST', path: '/test.Echo/unary', status: 200 },
      })
      t.match(await unary('again').reply, /^echo again/)
    })
  })
}

t.test(
  'gRPC clients get errors of the hub as a status, with the code and the id of the request',
  async (t) => {
    const gateway = await openGateway(appAt(1, { httpVersion: 'h2c', agents: ['node-1'] }))
    const local = await startMsh(t, gateway)
    const credentials = grpc.credentials.createSsl(gatewayCert, null, null, {
      checkServerIdentity: () => undefined,
    })
    const browser = new EchoClient(`127.0.0.1:${gateway.port}`, credentials, {
      'grpc.ssl_target_name_override': 'a.apps.test',
      'grpc.default_authority': 'a.apps.test',
    })
    const msh = new EchoClient(`127.0.0.1:${local}`, grpc.credentials.createInsecure())
    t.teardown(async () => {
      browser.close()
      msh.close()
      await gateway.close()
    })
    const failure = (client: grpc.Client, cookie = COOKIE, name: keyof typeof service = 'unary') => {
      const metadata = new grpc.Metadata()
      metadata.set('cookie', cookie)
      return new Promise<grpc.ServiceError>((resolve) => {
        const done = (error: grpc.ServiceError) => resolve(error)
        if (name === 'unary') (client as never as AnyClient).unary!(Buffer.from('hi'), metadata, done)
        else (client as never as AnyClient)[name]!(metadata, done).write(Buffer.from('hi'))
      })
    }
    const id = /request [0-9a-f-]{36}\)/
    const anonymous = await failure(browser, 'a=b')
    t.match(anonymous, {
      code: grpc.status.UNAUTHENTICATED,
      details: /login_required, request .*login_url: https:/,
    })
    for (const client of [browser, msh] as never as grpc.Client[])
      for (const name of ['unary', 'enough'] as const) {
        const down = await failure(client, COOKIE, name)
        t.match(down, { code: grpc.status.UNAVAILABLE, details: /app_unreachable/ })
        t.match(down.details, id)
      }
    gateway.state.decision = { effect: 'deny', reason: 'locked', roles: [], requirements: [] } as never
    gateway.state.revision += 1
    for (const client of [browser, msh] as never as grpc.Client[])
      t.match(await failure(client), { code: grpc.status.PERMISSION_DENIED, details: /locked/ })
    const elsewhere = new EchoClient(`127.0.0.1:${gateway.port}`, credentials, {
      'grpc.ssl_target_name_override': 'a.apps.test',
      'grpc.default_authority': 'elsewhere.test',
    })
    t.teardown(() => elsewhere.close())
    t.match(await failure(elsewhere as never), { code: grpc.status.UNKNOWN, details: /misdirected/ })
  },
)

t.test(
  'an app without TLS gets gRPC over HTTP/2 and everything else over HTTP/1.1 with http.version auto',
  async (t) => {
    const { port: grpcPort } = await startServer(t)
    const web = createHttpServer((request, response) => response.end(`HTTP/${request.httpVersion}`))
    web.listen(0, '127.0.0.1')
    await once(web, 'listening')
    const webPort = (web.address() as AddressInfo).port
    // One port with both, as many servers offer it.
    const both = createTcpServer((client) => {
      client.once('data', (first) => {
        const app = connectTcp(first.toString('latin1').startsWith('PRI ') ? grpcPort : webPort, '127.0.0.1')
        app.write(first)
        client.pipe(app).pipe(client)
        for (const socket of [client, app]) socket.on('error', () => socket.destroy())
      })
    })
    both.listen(0, '127.0.0.1')
    await once(both, 'listening')
    const { port } = both.address() as AddressInfo
    const gateway = await openGateway(appAt(port, { httpVersion: 'auto', agents: ['node-1'] }))
    const local = await startMsh(t, gateway)
    const client = new EchoClient(`127.0.0.1:${local}`, grpc.credentials.createInsecure())
    t.teardown(async () => {
      client.close()
      await gateway.close()
      both.close()
      web.close()
      web.closeAllConnections()
    })
    t.match(await raw(gateway, ask('GET /')), /\r\n\r\nHTTP\/1\.1$/)
    const said = await new Promise((resolve) =>
      (client as never as AnyClient).unary!(Buffer.from('hi'), (_: unknown, value: unknown) =>
        resolve(String(value)),
      ),
    )
    t.equal(said, 'echo hi')
    t.match(await raw(gateway, ask('GET /')), /\r\n\r\nHTTP\/1\.1$/)
  },
)

t.test(
  'an app that asks the hub to stop sending has responded in full only if it ended its response',
  async (t) => {
    const schemes: unknown[] = []
    const server = createServer()
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      schemes.push(headers[':scheme'])
      const whole = headers[':path'] === '/whole'
      stream.respond({ ':status': 200 })
      stream.write('the response', () => {
        if (whole) stream.end(() => stream.close(0))
        // A reset without END_STREAM.
        else {
          stream.end = () => stream
          stream.close(0)
        }
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const gateway = await openGateway(appAt(port, { httpVersion: 'h2c', agents: ['node-1'] }))
    t.teardown(async () => {
      await gateway.close()
      server.close()
    })
    const upload = (path: string) =>
      raw(gateway, `${ask(`POST ${path}`, 'Transfer-Encoding: chunked')}5\r\nhello\r\n`)
    t.match(await upload('/whole'), /the response\r\n0\r\n\r\n$/)
    t.notMatch(await upload('/part'), /\r\n0\r\n\r\n$/)
    t.match(await gateway.recorded(2), [{ reason: null }, { reason: 'app_reset' }])
    t.strictSame(schemes, ['http', 'http'])
  },
)

t.test('an app over HTTP/2 gets fields and trailers that a client sends in two lines', async (t) => {
  const seen: string[][] = []
  const pairs = (raw: readonly string[]) =>
    raw.flatMap((name, at) => (at % 2 === 0 && !name.startsWith(':') ? [`${name}: ${raw[at + 1]}`] : []))
  const server = createServer()
  server.on('stream', (stream, _headers, _flags, raw: string[]) => {
    seen.push(pairs(raw))
    stream.on('trailers', (_trailers, _flags, raw: string[]) => seen.push(pairs(raw)))
    stream.resume()
    stream.on('end', () => {
      stream.respond({ ':status': 200 })
      stream.end('ok')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const gateway = await openGateway(appAt(port, { httpVersion: 'h2c', agents: ['node-1'] }))
  t.teardown(async () => {
    await gateway.close()
    server.close()
  })
  const lines = ['If-None-Match: "a"', 'If-None-Match: "b"', 'Content-Language: de', 'Content-Language: en']
  t.match(await raw(gateway, ask('GET /', ...lines)), /^HTTP\/1.1 200 /)
  t.strictSame(
    seen[0]?.slice(-4),
    lines.map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase())),
  )
  const upload = `${ask('POST /', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\nETag: a\r\nETag: b\r\n\r\n`
  t.match(await raw(gateway, upload), /^HTTP\/1.1 200 /)
  t.strictSame(seen[2], ['etag: a', 'etag: b'])
})

t.test('an app over TLS gets the version that its document names, or that TLS negotiates', async (t) => {
  const seen: string[] = []
  const respond: Parameters<typeof createSecureServer>[1] = (request, response) => {
    const scheme = request.headers[':scheme'] ?? ''
    seen.push(`${request.httpVersion} ${request.headers['x-mezite-user']} ${scheme}`.trimEnd())
    response.end('hello')
  }
  const start = async (allowHttp2: boolean) => {
    const options = { key: gatewayKey, cert: gatewayCert }
    const server = allowHttp2
      ? createSecureServer({ ...options, allowHTTP1: true }, respond)
      : createHttpsServer(options, respond as never)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const both = await start(true)
  const old = await start(false)
  const tls = { verify: false, serverName: null, ca: null }
  const gateway = await openGateway(appAt(1, { uri: both, tls, agents: ['node-1'] }))
  t.teardown(() => gateway.close())
  const get = async (uri: string, httpVersion: App['httpVersion']) => {
    const app = appAt(1, { uri, httpVersion, tls, agents: ['node-1'] })
    gateway.apps.set(app.publicAddr, app)
    const response = await raw(gateway, ask('GET /'))
    return [response.slice(9, 12), seen.splice(0)[0] ?? /"code":"(\w+)"/.exec(response)?.[1]]
  }
  t.strictSame(await get(both, '1.1'), ['200', '1.1 ann'])
  t.strictSame(await get(both, 'h2'), ['200', '2.0 ann https'])
  t.strictSame(await get(both, 'auto'), ['200', '2.0 ann https'])
  t.strictSame(await get(old, 'auto'), ['200', '1.1 ann'])
  const [status, code] = await get(old, 'h2')
  t.equal(status, '502')
  t.match(code, /^(?:http2_unavailable|app_unreachable)$/, 'as the server refuses or ignores what TLS offers')
})

t.test('a browser over HTTP/1.1 gets responses of HTTP/2 whole, without parts of HTTP/2', async (t) => {
  const server = createServer((request, response) => {
    const head = { 'x-path': request.url, 'set-cookie': ['a=1', 'b=2'] }
    if (request.url === '/empty') return void response.writeHead(204, head).end()
    if (request.url === '/reset') return void response.stream.close(2)
    response.writeHead(200, head)
    request.pipe(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const gateway = await openGateway(appAt(port, { httpVersion: 'h2c', agents: ['node-1'] }))
  t.teardown(async () => {
    await gateway.close()
    server.close()
  })
  const posted = await raw(gateway, `${ask('POST /a?b', 'Content-Length: 5')}hello`)
  t.match(
    posted,
    /^HTTP\/1.1 200 OK\r\n[\s\S]*x-path: \/a\?b\r\n[\s\S]*set-cookie: a=1\r\nset-cookie: b=2\r\n/i,
  )
  t.match(posted, /\r\n5\r\nhello\r\n0\r\n\r\n$/)
  t.match(await raw(gateway, ask('GET /empty')), /^HTTP\/1.1 204 /)
  t.match(await raw(gateway, ask('HEAD /')), /^HTTP\/1.1 200 /)
  t.match(await raw(gateway, ask('GET /reset')), /^HTTP\/1.1 502 [\s\S]*app_reset/)
  const socket = createTcpServer((client) =>
    client.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  )
  socket.listen(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  const wrong = appAt((socket.address() as AddressInfo).port, { httpVersion: 'h2c', agents: ['node-1'] })
  gateway.apps.set(wrong.publicAddr, wrong)
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 502 [\s\S]*answer_invalid/)
})
