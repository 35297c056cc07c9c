// needs: nginx, haproxy
// long
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { freePort } from '../../../core/program/dev/free-port.ts'
import { COOKIE } from '../../plugins/http-apps/gateway.ts'
import { malformedBodies } from '../../plugins/http-apps/malformed-bodies.ts'
import { malformedHeads } from '../../plugins/http-apps/malformed-heads.ts'
import {
  type Answer,
  APP_HOST,
  HUB_HOST,
  openPublicPort,
  type PublicPort,
} from '../../plugins/http-apps/open-public-port.ts'
import { fillCase, pathsOf, talk } from '../../plugins/http-apps/talk.ts'
import { type BalancerPorts, haproxyEndsTls, haproxyPasses, nginxEndsTls } from './balancer-configs.ts'
import { startProgram } from './start-program.ts'

const AT_ONCE = 16
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
const cases = [...malformedHeads, ...malformedBodies]

const own = ownCertificate()

function ownCertificate(): string {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-own-'))
  const names = `subjectAltName=DNS:${HUB_HOST},DNS:${APP_HOST}`
  const args = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=balancer'
  execFileSync('openssl', [...args.split(' '), '-addext', names, '-keyout', `${dir}/k`, '-out', `${dir}/c`], {
    stdio: 'ignore',
  })
  const pem = readFileSync(`${dir}/c`, 'utf8') + readFileSync(`${dir}/k`, 'utf8')
  rmSync(dir, { recursive: true })
  return pem
}

/** The application says which path it was asked for, so that a mixed-up answer shows. */
const answer: Answer = (request, socket) => {
  const [method = '', path = ''] = request.split(' ')
  if (path === '/socket') {
    socket.removeAllListeners('data')
    socket.on('data', (chunk) => socket.write(chunk))
    return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`
  }
  if (path === '/events') return 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n'
  return `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${method === 'HEAD' ? '' : path}`
}

interface Layout {
  readonly program: 'haproxy' | 'nginx'
  readonly config: (ports: BalancerPorts) => string
  readonly proxyProtocol?: 'required'
  readonly trusted: boolean
}

async function start(t: Test, { program, config, proxyProtocol, trusted }: Layout) {
  const hub = await openPublicPort(
    { trustedProxies: trusted ? ['127.0.0.1'] : [], ...(proxyProtocol ? { proxyProtocol } : {}) },
    answer,
  )
  const listen = await freePort()
  const files = { 'own.pem': own, 'hub-ca.pem': hub.hub.ca, conf: config({ listen, hub: hub.port }) }
  const [command, args] =
    program === 'haproxy'
      ? ['/usr/sbin/haproxy', ['-db', '-f', 'conf']]
      : ['/usr/sbin/nginx', ['-p', '.', '-c', 'conf', '-e', 'stderr']]
  const balancer = await startProgram(command as string, args as string[], listen, files)
  t.teardown(async () => {
    await balancer.stop()
    await hub.close()
  })
  return { hub, port: listen }
}

async function eachAtOnce(jobs: (() => Promise<void>)[]): Promise<void> {
  const queue = [...jobs]
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await next()
    }),
  )
}

function ask(path: string, ...lines: string[]): string {
  return [`GET ${path} HTTP/1.1`, `Host: ${APP_HOST}`, `Cookie: ${COOKIE}`, ...lines, '', ''].join('\r\n')
}

function bytesAfterHead(text: string): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4)
}

async function dial(port: number, host: string, from: string): Promise<TLSSocket> {
  const socket = connectTls({
    socket: connectTcp({ port, host: '127.0.0.1', localAddress: from }),
    servername: host,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

async function until(socket: TLSSocket, pattern: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += chunk.toString('latin1')
    if (pattern.test(text)) return text
  }
  throw new Error(`closed before ${pattern}: ${text}`)
}

/** Whatever the balancer makes of the corpus: nobody gets another's answer, and the application sees what was audited. */
async function survivesCorpus(t: Test, hub: PublicPort, port: number, sides: readonly ('app' | 'hub')[]) {
  await eachAtOnce(
    cases.flatMap((one, at) =>
      sides.map((side) => async () => {
        const { host, path, bytes, marker, from } = fillCase(one, at, side)
        const victim = ask(`/victim-${side}-${at}`, 'Connection: close')
        const [{ statuses }, other] = await Promise.all([
          talk(port, host, from, bytes + marker),
          talk(port, APP_HOST, '127.3.0.1', victim),
        ])
        t.match(other.text, new RegExp(`^HTTP/1.1 200 [^]*\r\n\r\n/victim-${side}-${at}$`), one.name)
        const seen = pathsOf(side === 'app' ? hub.app.requests : hub.served)
        const own = seen.filter((line) => line.split(' ')[1] === path).length
        const markers = seen.filter((line) => line.endsWith(`${path}-marker`)).length
        t.ok(own <= 1 && markers <= 1, `${one.name}: ${own} and ${markers}`)
        t.ok(statuses.length <= 3, `${one.name}: ${statuses}`)
      }),
    ),
  )
  await audited(t, hub)
}

/** Every request that the application has seen is in the audit trail, and the other way round. */
async function audited(t: Test, { app, gateway }: PublicPort) {
  t.notOk(
    pathsOf(app.requests).some((line) => line.includes('hidden')),
    'nothing is smuggled',
  )
  const seen = app.requests.map((request) => /\r\nX-Request-Id: (.*)\r\n/.exec(request)?.[1] ?? request)
  const lineOf = (id: string) => app.requests.find((request) => request.includes(id))?.split('\r\n', 1)[0]
  const recorded = () => new Set(gateway.requests().map(({ requestId }) => requestId))
  const end = performance.now() + 60_000
  while (seen.some((id) => !recorded().has(id)) && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(new Set(seen).size, seen.length, 'the application has seen nothing twice')
  t.strictSame(
    seen.filter((id) => !recorded().has(id)).map(lineOf),
    [],
    'what the application has seen is audited',
  )
  const whole = gateway.requests().filter(({ reason }) => reason === null)
  t.strictSame(
    whole.filter(({ requestId }) => !seen.includes(requestId as string)),
    [],
    'what is audited as whole has been seen',
  )
  t.strictSame(gateway.errors, [])
}

async function passesEverything(t: Test, { app, gateway }: PublicPort, port: number, client: string) {
  const before = app.requests.length
  const plain = await talk(
    port,
    APP_HOST,
    client,
    ask('/plain', 'X-Forwarded-For: 192.0.2.66', 'Connection: close'),
  )
  t.equal(bytesAfterHead(plain.text), '/plain')
  const seen = app.requests[before] ?? ''
  const address = /\r\nX-Forwarded-For: (.*)\r\n/.exec(seen)?.[1]
  t.equal(
    gateway.requests().find(({ fields }) => fields?.path === '/plain')?.clientIp,
    address,
    'audited alike',
  )

  const socket = await dial(port, APP_HOST, client)
  socket.write(
    ask(
      '/socket',
      'Connection: Upgrade',
      'Upgrade: websocket',
      `Origin: https://${APP_HOST}`,
      `Sec-WebSocket-Key: ${KEY}`,
      'Sec-WebSocket-Version: 13',
    ),
  )
  t.match(await until(socket, /\r\n\r\n/), /^HTTP\/1.1 101 /)
  socket.write('\x82\x02hi', 'latin1')
  t.equal(await until(socket, /hi/), '\x82\x02hi', 'WebSocket')
  socket.destroy()

  const events = await dial(port, APP_HOST, client)
  events.write(ask('/events'))
  t.match(await until(events, /data: 1/), /text\/event-stream/, 'the first event')
  for (const one of app.sockets) one.write('data: 2\n\n')
  t.match(await until(events, /data: 2/), /data: 2/, 'the next one')
  for (const one of app.sockets) one.end()
  events.destroy()
  return address
}

async function overHttp2(t: Test, port: number) {
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    servername: APP_HOST,
    rejectUnauthorized: false,
  })
  session.on('error', () => {})
  const bodies = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const stream = session.request({ ':authority': APP_HOST, ':path': `/h2-${i}`, cookie: COOKIE })
      let body = ''
      for await (const chunk of stream) body += chunk
      return body
    }),
  )
  t.strictSame(
    bodies,
    Array.from({ length: 20 }, (_, i) => `/h2-${i}`),
    'HTTP/2 to the client',
  )
  const wrong = session.request({ ':authority': 'evil.test', ':path': '/h2-evil', cookie: COOKIE })
  const [head] = await once(wrong, 'response').catch(() => [{ ':status': 0 }])
  t.not(head[':status'], 200, 'another host')
  session.destroy()
}

for (const [name, layout] of [
  [
    'HAProxy that ends TLS, HTTP/1.1 to the hub',
    { program: 'haproxy', trusted: true, config: (ports) => haproxyEndsTls(ports, 'http/1.1') },
  ],
  [
    'HAProxy that ends TLS, HTTP/2 to the hub',
    { program: 'haproxy', trusted: true, config: (ports) => haproxyEndsTls(ports, 'h2') },
  ],
  ['nginx that ends TLS', { program: 'nginx', trusted: true, config: nginxEndsTls }],
] as const satisfies readonly (readonly [string, Layout])[]) {
  t.test(`F95 ${name} passes the client’s address`, async (t) => {
    const { hub, port } = await start(t, layout)
    t.equal(await passesEverything(t, hub, port, '127.9.9.9'), '127.9.9.9', 'the address of the client')
    await overHttp2(t, port)
    await survivesCorpus(t, hub, port, name.includes('HTTP/2') ? ['app'] : ['app', 'hub'])
  })
}

for (const [turn, [name, send]] of (
  [
    ['PROXY protocol 1', 'send-proxy'],
    ['PROXY protocol 2', 'send-proxy-v2'],
    ['no PROXY protocol', ''],
  ] as const
).entries()) {
  t.test(`F95 HAProxy in TCP mode passes the client’s address, ${name}`, async (t) => {
    const { hub, port } = await start(t, {
      program: 'haproxy',
      trusted: send !== '',
      ...(send === '' ? {} : { proxyProtocol: 'required' }),
      config: (ports) => haproxyPasses(ports, send),
    })
    const address = await passesEverything(t, hub, port, '127.9.9.9')
    t.equal(address, send === '' ? '127.0.0.1' : '127.9.9.9', 'the address of the client, or of the balancer')
    await overHttp2(t, port)
    await eachAtOnce(
      // The three pass the same bytes on, so each request goes through one of them. A client that has just got 431 may send
      // more from its address, which without the protocol is everybody's.
      cases
        .filter(({ name }, at) => (name.includes('64 KB') ? send !== '' && turn === at % 2 : turn === at % 3))
        .map((one, at) => async () => {
          const { host, bytes, marker, from } = fillCase(one, at, 'app')
          const { statuses } = await talk(port, host, from, bytes + marker)
          const { statuses: wanted, after } = one.app
          t.strictSame(statuses, after === 'kept' ? [...wanted, 200] : wanted, one.name)
        }),
    )
    await audited(t, hub)
  })
}
