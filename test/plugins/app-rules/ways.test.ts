// long
/** Every way into an app by every demand of a rule and every kind of request, on one running hub: a line for each cell. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type Catalog, catalog, credentials, defineHubPlugin, type Sessions, sessions } from '@mezite/core'
import t from 'tap'
import { open, startTcpHub } from '../tcp-apps/start-tcp-hub.ts'

let opened: Sessions
let apps: Catalog
/** Bearer tokens of a third party. */
const tokens = defineHubPlugin({
  name: 'tokens',
  api: 1,
  summary: 'Lets programs in by a token',
  needs: { catalog, sessions },
  provides: { credentials },
  setup({ use, provide }) {
    opened = use.sessions
    apps = use.catalog
    provide.credentials({
      name: 'token',
      from: 'header',
      at: 'app',
      headers: ['authorization'],
      read(value) {
        const token = /^Bearer acme_([A-Za-z0-9_-]{43})$/.exec(value)?.[1]
        return token === undefined ? null : { kind: 'token', token }
      },
    })
  },
})
const tcp = await startTcpHub({
  plugins: [tokens],
  config: { plugins: { 'signed-intent': { requests_per_person: 100 } } },
})
const { hub } = tcp
const received: string[] = []
/** The header lines of the last request that reached the app. */
let lines = ''
const web = createServer((request, response) => {
  received.push(`${request.method} ${request.url}`)
  lines = request.rawHeaders.join('\n')
  request.resume()
  response.end('hello')
})
// What the app says about an opening does not matter: it got it.
web.on('upgrade', (request, socket) => {
  received.push(`websocket ${request.url}`)
  socket.on('error', () => {})
  socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
})
await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
t.teardown(async () => {
  web.closeAllConnections()
  web.close()
  await tcp.stop()
})
const put = (kind: string, name: string, metadata: object, spec: object) =>
  hub.api('PUT', `/${kind}s/${name}`, { kind, version: 'v1', metadata: { name, ...metadata }, spec })
const uri = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
await put('app', 'web', { labels: { ruled: 'yes' } }, { uri, agents: ['node-1'] })
await put(
  'role',
  'dev',
  {},
  {
    allow: {
      app_labels: { ruled: 'yes' },
      app_rules: [
        { name: 'read', methods: ['GET', 'HEAD', 'POST'], paths: ['/**'] },
        { name: 'live', methods: ['GET'], upgrade: 'websocket', paths: ['/live/**'] },
        { name: 'admin', methods: ['*'], paths: ['/admin/**'], require: { confirm_within: '5m' } },
        { name: 'sign', methods: ['*'], paths: ['/sign/**'], require: { signature: true } },
        {
          name: 'other',
          methods: ['*'],
          paths: ['/sign/2/**'],
          require: { signature: true, signer: 'other' },
        },
      ],
    },
    deny: { app_rules: [{ name: 'no-keys', methods: ['*'], paths: ['/admin/keys/**'] }] },
  },
)

const url = hub.appUrl('web')
const { host, hostname } = new URL(url)
const tls = (ALPNProtocols: string[]) => {
  const at = { host: '127.0.0.1', port: hub.ports.public, servername: hostname, ca: hub.ca }
  const socket = connectTls({ ...at, ALPNProtocols })
  socket.on('error', () => {})
  return socket
}
const outcomeOf = (status: number, body: string) =>
  [status, /"code":"(\w+)"/.exec(body)?.[1]].filter(Boolean).join(' ')
const UPGRADE = [
  ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]
const linesOf = (method: string) =>
  method === 'websocket' ? UPGRADE : ['Connection: close', ...(method === 'GET' ? [] : ['Content-Length: 0'])]
const headOf = (method: string, path: string, lines: readonly string[]) =>
  [
    `${method === 'websocket' ? 'GET' : method} ${path} HTTP/1.1`,
    ...[`Host: ${host}`, 'Accept: application/json', `Origin: ${url}`, 'Prefer: respond-async'],
    ...[...lines, ...linesOf(method)],
  ]
    .map((line) => `${line}\r\n`)
    .join('')
    .concat('\r\n')

async function http1(method: string, path: string, line: string): Promise<string> {
  const socket = tls(['http/1.1'])
  socket.write(headOf(method, path, [line]))
  let text = ''
  for await (const chunk of socket) text += chunk
  return outcomeOf(Number(text.slice(9, 12)), text)
}

/** A GET on a connection that stays, which the hub reads without node:http. */
async function lane(method: string, path: string, line: string): Promise<string> {
  const socket = tls(['http/1.1'])
  socket.write(headOf(method, path, [line]).replace('Connection: close\r\n', ''))
  let text = ''
  for await (const chunk of socket) {
    text += chunk
    const [, bytes] = /^content-length: (\d+)\r$/im.exec(text) ?? []
    const end = text.indexOf('\r\n\r\n')
    if (end >= 0 && text.length >= end + 4 + Number(bytes)) break
  }
  return outcomeOf(Number(text.slice(9, 12)), text)
}

async function http2(method: string, path: string, cookie: string): Promise<string> {
  const session = connectHttp2(url, { createConnection: () => tls(['h2']) })
  session.on('error', () => {})
  const stream = session.request({ ':method': method, ':path': path, cookie, origin: url }).end()
  const [head] = await once(stream, 'response')
  let text = ''
  for await (const chunk of stream) text += chunk
  session.destroy()
  return outcomeOf(Number(head[':status']), text)
}

await hub.api('POST', '/users', { name: 'dora@example.com', roles: ['dev'] })
const login = await tcp.login('dora', [])
const visitor = hub.visitor()
await visitor.open(`${url}/`)
const cookie = visitor.cookies(host) ?? ''
async function msh(method: string, path: string): Promise<string> {
  const session = tcp.msh(login)
  const { status, reason, stream } = await open(session, 'web', { 'mezite-protocol': 'http' })
  if (status !== 200) return `${status} ${reason}`
  stream.write(headOf(method, path, []))
  let text = ''
  for await (const chunk of stream) text += chunk
  session.destroy()
  const outcome = outcomeOf(Number(text.slice(9, 12)), text)
  // By this msh knows that it must open the page of the passkey.
  const isNamed = /^mezite-reason: confirmation_required\r$/im.test(text)
  return isNamed === outcome.endsWith('confirmation_required') ? outcome : `${outcome}, named ${isNamed}`
}
await put('bot', 'ci', {}, { roles: ['dev'] })
const tokenOf = async (user: string) => {
  const input = {
    kind: 'token',
    user,
    connector: 'sso',
    clientIp: '127.0.0.1',
    apps: [apps.byName('web')?.id ?? ''],
  } as const
  const { token } = await opened.open({ ...input, expires: Date.now() + 3_600_000 })
  return `Authorization: Bearer acme_${token}`
}
const [ofPerson, ofBot] = [await tokenOf('dora@example.com'), await tokenOf('bot:ci')]

type Ask = (method: string, path: string) => Promise<string>
interface Way {
  readonly ask: Ask
  /** How it says that a passkey is needed: a certificate has no other status for it. */
  readonly key: string
  /** The same about a signature of the caller: a page's script sends its request again, a program comes back for the outcome. */
  readonly signature: string
  /** And about that of another person. */
  readonly second: string
  /** Methods that it does not send. */
  readonly never: readonly string[]
}
const [AGAIN, LATER, NEVER] = ['401 signature_required', '202 signature_required', '403 hold_impossible']
const [CONFIRM, CONFIRM_CERTIFIED] = ['401 confirmation_required', '403 confirmation_required']
const person = { key: CONFIRM, signature: AGAIN, second: AGAIN, never: [] }
const program = { key: CONFIRM, signature: LATER, second: LATER, never: [] }
const WAYS: Readonly<Record<string, Way>> = {
  'HTTP/1.1': { ...person, ask: (...of) => http1(...of, `Cookie: ${cookie}`) },
  lane: {
    ...person,
    ask: (...of) => lane(...of, `Cookie: ${cookie}`),
    never: ['POST', 'DELETE', 'PROPFIND', 'websocket'],
  },
  'HTTP/2': { ...person, ask: (...of) => http2(...of, cookie), never: ['websocket'] },
  msh: { ...program, ask: msh, key: CONFIRM_CERTIFIED },
  token: { ...program, ask: (...of) => http1(...of, ofPerson) },
  bot: { ...program, ask: (...of) => http1(...of, ofBot), signature: NEVER },
}
const DEMANDS: Readonly<Record<string, readonly string[]>> = {
  '200': [
    'GET /',
    'GET /a/b?c=d',
    'POST /a',
    'GET /group%2Fproject',
    'websocket /live/1',
    'POST /a?_method=GET',
  ],
  '403 request_not_allowed': [
    ...['DELETE /a', 'PROPFIND /', 'websocket /a', 'POST /a?_method=DELETE', 'GET /admin/keys/1'],
    ...['GET /x/..%2fadmin/keys', 'websocket /admin/keys', 'GET /admin//keys'],
  ],
  key: ['GET /admin', 'DELETE /admin/users/1', 'GET /x/..%2fadmin', 'websocket /admin/live', 'POST /admin/x'],
  signature: ['GET /sign', 'DELETE /sign/1', 'POST /x/..%2fsign/1', 'POST /sign//1?a=b'],
  second: ['GET /sign/2', 'DELETE /sign/2/3', 'POST /sign/2;x=y/3'],
  '403 hold_impossible': ['websocket /sign/live', 'websocket /sign/2/live'],
  '400 path_ambiguous': ['GET /%25252e', 'GET /a%00b', 'DELETE /%ff'],
}

for (const [way, { ask, never, ...says }] of Object.entries(WAYS))
  for (const [demand, requests] of Object.entries(DEMANDS))
    t.test(`${way}: ${demand}`, async (t) => {
      for (const request of requests) {
        const [method = '', path = ''] = request.split(' ')
        if (never.includes(method)) continue
        received.length = 0
        const expected = demand in says ? says[demand as keyof typeof says] : demand
        t.equal(await ask(method, path), expected, request)
        t.strictSame(received, demand === '200' ? [request] : [], `${request}: what reached the app`)
      }
    })

/** Headers by which proxies and frameworks name another path or method; oauth2-proxy believed the first one. */
const ELSEWHERE = [
  ...['X-Forwarded-Uri', 'X-Forwarded-Path', 'X-Forwarded-Prefix', 'X-Original-Url', 'X-Original-Uri'],
  ...['X-Rewrite-Url', 'X_Rewrite_Url'],
]
const OTHERWISE = [
  ...[
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'X-Original-Method',
    'X-Forwarded-Method',
  ],
]

t.test('a header that names another path or method decides nothing, and reaches no app', async (t) => {
  const ask = (method: string, path: string, line: string) =>
    http1(method, path, `Cookie: ${cookie}\r\n${line}`)
  for (const name of ELSEWHERE) {
    received.length = 0
    t.equal(await ask('GET', '/admin', `${name}: /a`), CONFIRM, `${name} names an allowed path`)
    t.equal(await ask('DELETE', '/a', `${name}: /sign/1`), '403 request_not_allowed', name)
    t.equal(await ask('GET', '/a', `${name}: /admin`), '200', `${name} names another path`)
    t.strictSame(received, ['GET /a'])
    t.notMatch(lines, '/admin', `the app does not see ${name}`)
  }
  for (const name of OTHERWISE) {
    received.length = 0
    t.equal(await ask('DELETE', '/a', `${name}: GET`), '403 request_not_allowed', name)
    t.equal(await ask('POST', '/a', `${name}: DELETE`), '200', name)
    t.strictSame(received, ['POST /a'])
    t.notMatch(lines, 'DELETE', `the app does not see ${name}`)
  }
  for (const path of ['/admin?/a', '/admin#/a', '/admin?x=/a#/a'])
    t.not(await ask('GET', path, 'X-Other: 1'), '200', `${path} is not /a`)
})
