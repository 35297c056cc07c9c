// together: hubs
/** Senders that prove themselves by a certificate of TLS, at a running hub, with curl and Node.js as clients. */
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { createTestAgent, createTestHub, FakeIssuer, Visitor } from '@mezite/core/testing'
import t, { type Test } from 'tap'
import { systemClock } from '../../../core/kernel/clock.ts'
import {
  developmentCertificate,
  developmentFiles,
} from '../../../core/program/parts/development-certificate.ts'
import { connect, register } from '../../e2e/resources.ts'
import { startHttpApp } from '../../e2e/start-http-app.ts'
import { clientAuthorities, type Presented } from './client-authorities.ts'

const DOMAIN = 'apps.mezite.localhost'
const folder = mkdtempSync(join(tmpdir(), 'mezite-certificates-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
await developmentCertificate(
  folder,
  ['hub.mezite.localhost', `*.${DOMAIN}`, `*.preview.${DOMAIN}`],
  systemClock,
)
const caFile = join(folder, developmentFiles.ca)
const ca = readFileSync(caFile, 'utf8')
const keypair = {
  cert_file: join(folder, developmentFiles.cert),
  key_file: join(folder, developmentFiles.key),
}
const made = clientAuthorities(folder)
const authorities = Object.fromEntries(
  ['partners', 'strangers'].map((name) => [name, { file: made.file(name) }]),
)
const plugins = { 'public-paths': { authorities } }
/** TLS reads the clock of the machine; the hub may be ahead of it. */
let ahead = 0
const clock = { ...systemClock, now: () => systemClock.now() + ahead }

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub({ clock, config: { proxy: { https_keypair: keypair }, plugins } })
t.teardown(() => hub.stop())
const agent = await createTestAgent({ api: hub.api, url: hub.url }, { ca } as object)
t.teardown(() => agent.stop())
await connect(hub.api, issuer)

const received: { line: string; headers: IncomingHttpHeaders }[] = []
const appPort = await startHttpApp(t, ({ headers, method, url }, response) => {
  received.push({ line: `${method} ${url}`, headers })
  response.end(headers['x-mezite-user'] ?? 'nobody')
})
const certificate = (name: string, authority = 'partners', names = ['dns:ci.example.com']) => ({
  name,
  methods: ['GET', 'POST'],
  paths: [`/${name}/**`],
  verify: { client_certificate: { ca: authority, names } },
})
const put = (name: string, rules: readonly object[], more = {}) =>
  register(hub.api, name, appPort, {
    agents: [agent.hostname],
    ...(rules.length > 0 && { plugins: { 'public-paths': { rules } } }),
    ...more,
  })
const usual = [
  certificate('build'),
  certificate('labs', 'partners', ['dns:*.example.com', 'dns:*.ci.example.com']),
]
await put('web', usual, { aliases: [`hooks.${DOMAIN}`, `*.preview.${DOMAIN}`] })
await put('second', [certificate('build')])
await put('foreign', [certificate('build', 'strangers')])
await put('plain', [])

const hostOf = (name: string) => `${name}.${DOMAIN}`
const outcomeOf = (status: number, body: string) =>
  [status, /"code":"(\w+)"/.exec(body)?.[1]].filter(Boolean).join(' ')

async function curlAt(port: number, url: string, who: Presented | null, ...more: string[]): Promise<string> {
  const { hostname } = new URL(url)
  const { stdout } = await promisify(execFile)('curl', [
    ...[
      '-sS',
      '--max-time',
      '20',
      '--cacert',
      caFile,
      '-w',
      '\n%{http_code}',
      '-H',
      'Accept: application/json',
    ],
    ...['--connect-to', `${hostname}:${port}:127.0.0.1:${port}`],
    ...(who === null ? [] : ['--cert', who.certFile, '--key', who.keyFile]),
    ...[...more, url.replace(hostname, `${hostname}:${port}`)],
  ])
  const at = stdout.lastIndexOf('\n')
  return outcomeOf(Number(stdout.slice(at + 1)), stdout.slice(0, at))
}
const curl = (path: string, who: Presented | null, ...more: string[]) =>
  curlAt(hub.ports.public, `https://${hostOf('web')}${path}`, who, ...more)
const POST = ['--data-binary', '{}']

const pair = (who: Presented | null) => (who === null ? {} : { cert: who.cert, key: who.key })
function tls(name: string, who: Presented | null, more: ConnectionOptions = {}): TLSSocket {
  const to = { host: '127.0.0.1', port: hub.ports.public, servername: hostOf(name), ca }
  return connectTls({ ...to, ...pair(who), ...more }).on('error', () => {})
}
function session(t: Test, name: string, who: Presented | null): ClientHttp2Session {
  const opened = connectHttp2(`https://${hostOf(name)}:${hub.ports.public}`, {
    createConnection: () => tls(name, who, { ALPNProtocols: ['h2'] }),
  }).on('error', () => {})
  t.teardown(() => opened.destroy())
  return opened
}
async function ask(over: ClientHttp2Session, path: string, headers = {}): Promise<string> {
  const stream = over.request({ accept: 'application/json', ':path': path, ...headers })
  stream.on('error', () => {})
  const [head] = await once(stream, 'response')
  let text = ''
  for await (const chunk of stream) text += chunk
  return outcomeOf(Number(head[':status']), text)
}
/** Sends one request over HTTP/1.1, keeps the connection, and returns what came. */
async function write(socket: TLSSocket, name: string, path: string): Promise<string> {
  const host = `${hostOf(name)}:${hub.ports.public}`
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\n\r\n`)
  let text = ''
  while (!/\r\n\r\n./.test(text)) text += String((await once(socket, 'data'))[0])
  return outcomeOf(Number(text.slice(9, 12)), text)
}

t.test(
  'U232 the right certificate admits to its paths, in every version of HTTP, and to nothing else',
  async (t) => {
    received.length = 0
    t.equal(await curl('/build/a', made.right, '--http1.1'), '200')
    t.equal(await curl('/build/a', made.right, '--http1.1', '--tls-max', '1.2', ...POST), '200')
    t.equal(await curl('/build/a', made.right, '--http2', ...POST), '200')
    t.equal(await curl('/build/a', made.ofBranch), '200', 'with the certificate between it and the root')
    t.equal(await ask(session(t, 'web', made.right), '/build/a'), '200')
    t.strictSame(
      received.map(({ headers }) => [headers['mezite-verified'], headers['x-mezite-user']]),
      received.map(() => ['build', undefined]),
    )
    t.equal(received.length, 5)
    received.length = 0
    t.equal(await curl('/admin', made.right), '401 login_required', 'another path')
    t.equal(await curl('/build/../admin', made.right, '--path-as-is'), '401 login_required')
    t.equal(await curl('/build/a', made.right, '-X', 'DELETE'), '401 login_required', 'another method')
    t.equal(await curl('/labs/a', made.right), '200', 'a wildcard of the rule')
    t.strictSame(received.splice(0).length, 1)
  },
)

// Before the others, because many refusals of one address are recorded in few events.
t.test('records have the certificate beside the rule', async (t) => {
  await curl('/build/recorded', made.right)
  await curl('/build/recorded', made.others['for another name']!)
  await curl('/build/recorded', made.others.ended!)
  await curl('/build/recorded', null)
  const fingerprintOf = ({ certFile }: Presented) =>
    String(execFileSync('openssl', ['x509', '-in', certFile, '-noout', '-fingerprint', '-sha256']))
      .replace(/^.*=/, '')
      .trim()
      .replaceAll(':', '')
      .toLowerCase()
  async function trail(type: string, count: number) {
    const end = Date.now() + 10_000
    for (;;) {
      const found = (await hub.api<Record<string, unknown>[]>('GET', `/audit?type=${type}&limit=100`)).filter(
        ({ path, reason }) => path === '/build/recorded' && reason !== 'login_required',
      )
      if (found.length >= count || Date.now() > end) return found
      await pause(20)
    }
  }
  t.match(await trail('app.request', 1), [
    {
      verified: 'build',
      certificate: fingerprintOf(made.right),
      certificate_subject: 'O=Example, CN=right',
    },
  ])
  const failed = await trail('request.failed', 2)
  t.equal(failed.length, 2)
  t.match(
    failed.find(({ certificate }) => certificate),
    {
      rule: 'build',
      reason: 'verification_failed',
      certificate: fingerprintOf(made.others['for another name']!),
      certificate_subject: 'O=Example, CN=name',
    },
  )
  t.match(
    failed.find(({ certificate }) => !certificate),
    { rule: 'build', reason: 'verification_failed', certificate_fault: 'CERT_HAS_EXPIRED' },
  )
})

t.test('U232 every other client is refused, and TLS itself refuses none', async (t) => {
  received.length = 0
  t.equal(await curl('/build/a', null), '401 login_required', 'no certificate')
  for (const [what, who] of Object.entries(made.others)) {
    t.equal(await curl('/build/a', who), '401 verification_failed', what)
    t.equal(await ask(session(t, 'web', who), '/build/a'), '401 verification_failed', `${what}, HTTP/2`)
    t.equal(await curl('/build/a', who, '--tls-max', '1.2'), '401 verification_failed', `${what}, TLS 1.2`)
  }
  const pem = encodeURIComponent(made.right.cert)
  const forged = [
    'X-Client-Cert',
    'X-Forwarded-Client-Cert',
    'X-SSL-Client-Cert',
    'Client-Cert',
    'Mezite-Verified',
  ]
  t.equal(
    await curl('/build/a', null, ...forged.flatMap((name) => ['-H', `${name}: ${pem}`])),
    '401 login_required',
    'a header is no certificate',
  )
  t.strictSame(received, [], 'no byte reaches the app')
})

t.test('U232 a session of TLS is never continued in place of a certificate', async (t) => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const sessions: Buffer[] = []
    const versions = { minVersion: version, maxVersion: version, ALPNProtocols: ['http/1.1'] }
    for (const [name, who] of [
      ['web', made.right],
      ['plain', null],
    ] as const) {
      const socket = tls(name, who, versions).on('session', (one) => sessions.push(one))
      await write(socket, name, '/build/a')
      if (socket.getSession()) sessions.push(socket.getSession()!)
      socket.destroy()
    }
    t.ok(sessions.length > 1, 'the client has sessions')
    for (const one of sessions) {
      const socket = tls('web', null, { ...versions, session: one })
      t.equal(await write(socket, 'web', '/build/a'), '401 login_required', version)
      t.notOk(socket.isSessionReused())
      socket.destroy()
    }
  }
  const socket = tls('web', made.right, { maxVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] })
  t.equal(await write(socket, 'web', '/build/a'), '200')
  const again = await new Promise((resolve) => {
    socket.once('close', () => resolve('closed')).once('error', () => resolve('closed'))
    socket.renegotiate({}, (error) => resolve(error === null ? 'renegotiated' : 'refused'))
  })
  t.not(again, 'renegotiated', 'nor may a second handshake bring another one')
  socket.destroy()
})

t.test('U232 a certificate counts at the host of its connection alone', async (t) => {
  const web = session(t, 'web', made.right)
  t.equal(await ask(web, '/build/a'), '200')
  for (const other of ['second', 'plain', 'hooks', 'pr-1.preview'])
    t.equal(
      await ask(web, '/build/a', { ':authority': `${hostOf(other)}:${hub.ports.public}` }),
      '421 misdirected_request',
      other,
    )
  const plain = session(t, 'plain', made.right)
  t.equal(
    await ask(plain, '/build/a', { ':authority': `${hostOf('web')}:${hub.ports.public}` }),
    '421 misdirected_request',
    'a connection that was not asked',
  )
  for (const name of ['hooks', 'pr-1.preview', 'second'])
    t.equal(await ask(session(t, name, made.right), '/build/a'), '200', `${name} asks for itself`)
  t.equal(await ask(session(t, 'foreign', made.stranger), '/build/a'), '200')
  t.equal(await ask(session(t, 'foreign', made.right), '/build/a'), '401 verification_failed')
  t.equal(await ask(session(t, 'web', made.stranger), '/build/a'), '401 verification_failed')
})

t.test('only hosts whose apps want it ask for a certificate', async (t) => {
  async function offered(name: string): Promise<string> {
    const to = ['s_client', '-connect', `127.0.0.1:${hub.ports.public}`, '-servername', name]
    const running = promisify(execFile)('openssl', to, { timeout: 20_000 })
    running.child.stdin?.end('Q\n')
    return (await running).stdout
  }
  for (const name of ['web', 'hooks', 'pr-9.preview'])
    t.match(await offered(hostOf(name)), /Acceptable client certificate CA names\s+.*CN ?= ?partners/, name)
  for (const name of [hostOf('plain'), hostOf('unknown'), 'hub.mezite.localhost'])
    t.match(await offered(name), /No client certificate CA names sent/, name)
})

t.test('U232 rules that change count for connections that are open', async (t) => {
  await put('changing', [])
  const before = session(t, 'changing', made.right)
  t.equal(await ask(before, '/build/a'), '401 login_required')
  await put('changing', [certificate('build')])
  t.equal(await ask(before, '/build/a'), '401 login_required', 'it was not asked')
  const after = session(t, 'changing', made.right)
  const kept = tls('changing', made.right, { ALPNProtocols: ['http/1.1'] })
  t.teardown(() => kept.destroy())
  t.equal(await ask(after, '/build/a'), '200', 'a new one was')
  t.equal(await write(kept, 'changing', '/build/a'), '200')
  await put('changing', [certificate('build', 'partners', ['dns:www.example.com'])])
  t.equal(await ask(after, '/build/a'), '401 verification_failed', 'another name')
  t.equal(await write(kept, 'changing', '/build/a'), '401 verification_failed')
  await put('changing', [certificate('build', 'strangers')])
  t.equal(await ask(after, '/build/a'), '401 verification_failed', 'another authority')
  t.equal(await ask(session(t, 'changing', made.stranger), '/build/a'), '200')
  await put('changing', [])
  t.equal(await ask(after, '/build/a'), '401 login_required', 'no rule')
  t.equal(await write(kept, 'changing', '/build/a'), '401 login_required')
})

t.test('U232 a connection admits nothing once its certificate has ended', async (t) => {
  const over = session(t, 'web', made.right)
  t.equal(await ask(over, '/build/a'), '200')
  ahead = 3 * 24 * 3_600_000
  await hub.ready()
  t.equal(await ask(over, '/build/a'), '401 verification_failed')
  ahead = 0
  await hub.ready()
})

t.test('people sign in at such a host as before', async (t) => {
  const person = new Visitor(ca)
  const at = (path: string) => `https://${hostOf('web')}:${hub.ports.public}${path}`
  t.equal((await person.open(at('/page'))).text, 'alice@example.com')
  t.equal((await person.open(at('/build/page'))).text, 'alice@example.com', 'by the roles')
  const cookie = ['-H', `Cookie: ${person.cookies(`${hostOf('web')}:${hub.ports.public}`)}`]
  received.length = 0
  t.equal(await curl('/build/a', made.right, ...cookie), '200')
  t.strictSame(
    received.map(({ headers }) => [headers['mezite-verified'], headers['x-mezite-user'], headers.cookie]),
    [['build', undefined, undefined]],
    'a certificate stands above a session, and is nobody',
  )
})

t.test('U232 a proxy that ends TLS proves nothing, and the status says so', async (t) => {
  const behind = await createTestHub({
    config: { proxy: { https_keypair: keypair, trusted_proxies: ['127.0.0.1/32'] }, plugins },
  })
  t.teardown(() => behind.stop())
  await register(behind.api, 'web', appPort, {
    agents: ['node-1'],
    plugins: { 'public-paths': { rules: [certificate('build')] } },
  })
  const url = `https://${hostOf('web')}/build/a`
  t.equal(await curlAt(behind.ports.public, url, made.right), '401 login_required')
  const named = ['-H', `X-Forwarded-Client-Cert: ${encodeURIComponent(made.right.cert)}`]
  t.equal(await curlAt(behind.ports.public, url, made.right, ...named), '401 login_required')
  const { attention } = await behind.api<{ attention: { subject: string; message: string }[] }>(
    'GET',
    '/status',
  )
  t.match(
    attention.filter(({ subject }) => subject === 'app web, rule build').map(({ message }) => message),
    ['a proxy ends TLS before the hub'],
  )
})
