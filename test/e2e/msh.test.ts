// long
/** People with msh: real clients of real servers, that no path leads to but the tunnel, each as a named person. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import * as grpc from '@grpc/grpc-js'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { freePort } from '../../core/program/dev/free-port.ts'
import { Visitor } from '../../core/testing/visitor.ts'
import { signIn } from '../../examples/cluster/check/person-steps.ts'
import { type Person, people } from '../../examples/cluster/people.ts'
import { Children } from '../bench/children.ts'
import { startSshd } from '../bench/targets/private-sshd.ts'
import { openApps, runMsh, startMsh } from '../oclif-cli/msh-program.ts'
import { postgresStore } from '../state/database/postgres-stores.ts'
import { startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'
import { sshThrough } from './ssh-through.ts'
import { answersPing, holdRedis, startRedis } from './start-redis.ts'
import { startTestCluster } from './start-test-cluster.ts'
import { startTlsServer } from './start-tls-server.ts'

const run = promisify(execFile)
const homes = mkdtempSync(join(tmpdir(), 'mezite-homes-'))
t.teardown(() => rmSync(homes, { recursive: true, force: true }))
const cluster = await startTestCluster(t)
const redisPort = await startRedis(t, homes)
const [alice, bob] = people
const proxy = new URL(cluster.hubUrl).host
const envOf = ({ id }: { id: string }) => ({ MSH_HOME: join(homes, id), MEZITE_BROWSER: '/bin/true' })
const env = envOf(alice)
const PLATFORM = { env: 'demo', team: 'platform' }

/** Signs in with msh, allowing it on the hub's page. */
async function login(person: Person, ...more: string[]) {
  const args = ['login', '--proxy', proxy, '--ca-file', cluster.caFile, ...more]
  const msh = startMsh(args, envOf(person))
  const [, address = ''] = await msh.err(/Opening (https:\S+)/)
  const visitor = new Visitor(cluster.ca)
  const page = await signIn(visitor, person, address)
  const done = await visitor.submit(page, /\/web\/cli/)
  return { page, done, ended: await msh.ended }
}

const register = (
  name: string,
  uri: string,
  labels: Record<string, string> = PLATFORM,
  more: object = { protocol: 'tcp' },
) =>
  cluster.api('PUT', `/apps/${name}`, {
    kind: 'app',
    version: 'v1',
    metadata: { name, labels },
    spec: { uri, agents: ['demo-node'], ...more },
  })

const audit = (type: string, app: string) =>
  cluster.api<Record<string, unknown>[]>('GET', `/audit?type=${type}&app=${app}&limit=1000`)

/** Events are written a moment after what they tell of. */
async function audited(type: string, app: string): Promise<Record<string, unknown>[]> {
  await until(async () => (await audit(type, app)).length > 0, `${type} of ${app} is recorded`)
  return audit(type, app)
}

/** Also more than one response holds. */
async function wholeAudit(type: string, app: string): Promise<Record<string, unknown>[]> {
  const args = ['--type', type, '--app', app, '--limit', '10000']
  return JSON.parse(await cluster.mezctl('audit', 'ls', ...args, '--json'))
}

t.test('login uses the named connector, and the page names msh and this machine', async (t) => {
  const { page, done, ended } = await login(alice, '--auth', 'sso', '--ttl', '2h')
  t.match(page.text, 'Allow msh on')
  t.equal(done.status, 200)
  t.match(ended, { code: 0, out: /Signed in to demo at .* as alice@example\.test; expires in (2h|1h)/ })
  const status = JSON.parse((await runMsh(['status', '--json'], env)).out)
  t.match(status, { user: alice.email, cluster: 'demo', proxy, roles: ['platform'] })
  const left = Date.parse(status.expires) - Date.now()
  t.ok(left > 7_000_000 && left <= 7_200_000)
  const issued = JSON.parse(await cluster.mezctl('audit', 'ls', '--type', 'user.cert.issued', '--json'))
  t.match(issued, [{ user: alice.email, session_id: status.session_id }])
})

t.test('gRPC passes through msh and the public port, over the tunnel of a real agent', async (t) => {
  const bytes = (value: Buffer) => value
  const method = (name: string, streams: boolean) => ({
    path: `/test.Echo/${name}`,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  })
  const service = { say: method('say', false), chat: method('chat', true) }
  let cancelled = 0
  const server = new grpc.Server()
  server.addService(service, {
    say({ metadata, request }: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      const trailer = new grpc.Metadata()
      trailer.set('x-length', String(request.length))
      done(null, Buffer.from(`${metadata.get('x-mezite-user')[0]} says ${request}`), trailer)
    },
    chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      call.on('data', (chunk: Buffer) => call.write(Buffer.from(`you said ${chunk}`)))
      call.on('end', () => call.end())
      call.on('cancelled', () => {
        cancelled += 1
      })
    },
  } as never)
  const port = await promisify(server.bindAsync.bind(server))(
    '127.0.0.1:0',
    grpc.ServerCredentials.createInsecure(),
  )
  t.teardown(() => server.forceShutdown())
  await register('rpc', `http://127.0.0.1:${port}`, PLATFORM, { http: { version: 'h2c' } })
  const msh = await openApps(['rpc'], env)
  const url = cluster.apps.live.replace('//live.', '//rpc.')
  const { hostname, host } = new URL(url)
  const visitor = new Visitor(cluster.ca)
  await signIn(visitor, alice, url)
  const cookie = new grpc.Metadata()
  cookie.set('cookie', String(visitor.cookies(host)))
  const Client = grpc.makeGenericClientConstructor(service, 'Echo')
  const authority = { 'grpc.ssl_target_name_override': hostname, 'grpc.default_authority': host }
  const ways = [
    ['msh', new Client(`127.0.0.1:${msh.ports.rpc}`, grpc.credentials.createInsecure()), new grpc.Metadata()],
    [
      'the public port',
      new Client(
        `127.0.0.1:${cluster.hubPort}`,
        grpc.credentials.createSsl(Buffer.from(cluster.ca)),
        authority,
      ),
      cookie,
    ],
  ] as const
  for (const [at, [way, client, metadata]] of ways.entries()) {
    const call = client as unknown as grpc.Client & Record<string, (...args: unknown[]) => never>
    let trailer: grpc.Metadata | undefined
    const reply = await new Promise<Buffer>((resolve, reject) => {
      const sent: grpc.ClientUnaryCall = call.say!(
        Buffer.alloc(200_000, 'x'),
        metadata,
        (error: Error | null, value: Buffer) => (error ? reject(error) : resolve(value)),
      )
      sent.on('status', (status) => {
        trailer = status.metadata
      })
    })
    t.match(reply.toString(), /^alice@example\.test says x{100}/, way)
    await until(() => trailer !== undefined, 'the status has come')
    t.strictSame(trailer?.get('x-length'), ['200000'], 'with trailers')
    const chat: grpc.ClientDuplexStream<Buffer, Buffer> = call.chat!(metadata)
    chat.on('error', () => {})
    for (const word of ['one', 'two']) {
      chat.write(Buffer.from(word))
      t.equal(String((await once(chat, 'data'))[0]), `you said ${word}`, 'while both directions are open')
    }
    chat.cancel()
    await until(() => cancelled === at + 1, 'the server learns of the cancellation')
    client.close()
  }
  const calls = async () =>
    (await audit('app.request', 'rpc')).filter(
      ({ path, agent }) => path === '/test.Echo/say' && agent === 'demo-node',
    )
  await until(async () => (await calls()).length === 2, 'both calls are recorded')
  t.equal((await msh.stop()).code, 0)
})

t.test('redis-cli and redis-benchmark reach a Redis, with counts and records', async (t) => {
  await register('redis-internal', `tcp://127.0.0.1:${redisPort}`)
  const listed = JSON.parse((await runMsh(['app', 'ls', '--json'], env)).out)
  const names = listed.map(({ name }: { name: string }) => name)
  t.ok(names.includes('redis-internal') && names.includes('identity'), names)
  const local = await freePort()
  const msh = await openApps(['redis-internal'], env, ['--port', String(local)])
  t.equal(msh.ports['redis-internal'], local)
  const redis = (...args: string[]) =>
    run('redis-cli', ['-p', String(local), ...args]).then(({ stdout }) => stdout)
  t.equal(await redis('ping'), 'PONG\n')
  t.equal(await redis('set', 'key', 'v'.repeat(5_000)), 'OK\n')
  t.equal(await redis('get', 'key'), `${'v'.repeat(5_000)}\n`)
  const { stdout } = await run('redis-benchmark', [
    '-p',
    String(local),
    '-t',
    'get',
    '-n',
    '2000',
    '-c',
    '20',
    '-q',
  ])
  t.match(stdout, /requests per second/)
  const [start] = await audited('app.session.start', 'redis-internal')
  t.match(start, { user: alice.email, agent: 'demo-node', protocol: 'tcp', success: true })
  await until(
    async () => (await audit('app.session.end', 'redis-internal')).length >= 3,
    'the ends are recorded',
  )
  t.match(await audit('app.session.end', 'redis-internal'), [{ user: alice.email, agent: 'demo-node' }])
  t.equal((await msh.stop()).code, 0)
})

/** Connections to the Redis that ended for that reason, in the audit. */
async function endsOf(reason: string): Promise<Record<string, unknown>[]> {
  const ends = await audit('app.session.end', 'redis-internal')
  return ends.filter(({ end_reason }) => end_reason === reason)
}

/** Short connections through the port that the Redis had answered before the hub was killed. */
let answered = 0

/** One short connection after the other until one fails. */
async function keepAsking(port: number): Promise<void> {
  for (let ended = true; ended; ) {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => socket.write('PING\r\n'))
    socket.once('data', () => {
      answered += 1
      socket.end()
    })
    ended = await once(socket, 'close').then(
      ([failed]) => !failed,
      () => false,
    )
  }
}

t.test('connections of a killed msh, agent or hub end in the audit', async (t) => {
  await register('redis-busy', `tcp://127.0.0.1:${redisPort}`)
  const first = await openApps(['redis-internal'], env)
  await holdRedis(t, first.ports['redis-internal']!)
  first.child.kill('SIGKILL')
  await until(async () => (await endsOf('client_lost')).length === 1, 'the end with msh is recorded')
  t.match(await endsOf('client_lost'), [{ user: alice.email, agent: 'demo-node', bytes_in: 6, bytes_out: 7 }])

  const msh = await openApps(['redis-internal', 'redis-busy'], env)
  const port = msh.ports['redis-internal']!
  const beforeAgent = await holdRedis(t, port)
  cluster.programs.get('agent')!.signal('SIGKILL')
  await beforeAgent.closed
  await until(async () => (await endsOf('agent_lost')).length === 1, 'the end with the agent is recorded')
  t.match(await endsOf('agent_lost'), [{ user: alice.email, agent: 'demo-node', bytes_in: 6, bytes_out: 7 }])
  await cluster.restart('agent')
  await until(() => answersPing(port), 'the port works with the agent back')

  const beforeHub = await holdRedis(t, port)
  const asking = Array.from({ length: 4 }, () => keepAsking(msh.ports['redis-busy']!))
  // The hub notes what is open every tenth of a second; a busy machine takes its time.
  await pause(2_000)
  await until(() => answered > 50, 'enough short connections are answered')
  const hub = cluster.programs.get('hub')!
  hub.signal('SIGKILL')
  await Promise.all([hub.exited, beforeHub.closed, ...asking])
  await cluster.restart('hub')
  await until(() => answersPing(port), 'the port works with the hub back')
  await msh.stop()
})

t.test('psql reaches a PostgreSQL unattended, with an identity file', async (t) => {
  const store = await postgresStore()
  t.teardown(() => store.close())
  const url = new URL(((await store.config()) as { url: string }).url)
  await register('orders-db', `tcp://${url.host}`)
  const file = join(homes, 'ci.pem')
  t.equal((await login(alice, '--out', file)).ended.code, 0)
  const nowhere = { MSH_HOME: join(homes, 'ci'), MSH_IDENTITY: file }
  const msh = await openApps(['orders-db'], nowhere)
  url.port = String(msh.ports['orders-db'])
  const sql = 'create table t as select generate_series(1, 50000) n; select count(*), sum(n) from t'
  const { stdout } = await run('psql', ['-X', '-A', '-t', url.href, '-c', sql])
  t.match(stdout, '50000|1250025000')
  const all = await run('psql', ['-X', '-A', '-t', url.href, '-c', 'select n from t'], { maxBuffer: 1 << 24 })
  t.equal(all.stdout.trim().split('\n').length, 50_000)

  const bench = (...args: string[]) =>
    run('pgbench', ['-h', '127.0.0.1', '-p', url.port, '-U', url.username, ...args, url.pathname.slice(1)])
  await bench('-i', '-q')
  const load = await bench('-T', '2', '-c', '4', '-j', '2')
  t.match(load.stdout, /number of failed transactions: 0 /)
  t.ok(Number(/actually processed: (\d+)/.exec(load.stdout)?.[1]) > 0, load.stdout)
  await msh.stop()
})

t.test('a server that speaks TLS is verified by its client, end to end', async (t) => {
  const { port, caFile, close } = await startTlsServer(homes)
  t.teardown(close)
  await register('ledger', `tcp://127.0.0.1:${port}`)
  const msh = await openApps(['ledger'], env)
  const [at, url] = [`ledger.test:${msh.ports.ledger}`, `https://ledger.test:${msh.ports.ledger}/`]
  const curl = (trusted: string, ...args: string[]) => {
    const verified = ['--cacert', trusted, '--resolve', `${at}:127.0.0.1`]
    return run('curl', ['-sS', '--max-time', '20', ...verified, ...args, url])
  }
  t.equal((await curl(caFile)).stdout, `GET ${at} by ledger.test`)
  const body = join(homes, 'body')
  writeFileSync(body, randomBytes(5_000_000))
  t.equal((await curl(caFile, '--data-binary', `@${body}`)).stdout, `POST ${at} by ledger.test: 5000000`)
  await t.rejects(curl(cluster.caFile), { code: 60 }, 'nobody between answers for it')
  await msh.stop()
})

t.test('ssh runs commands on a machine, whose host key it verifies', async (t) => {
  const children = new Children()
  t.teardown(() => children.stop())
  const sshd = await startSshd(children, homes)
  await register('host', `tcp://127.0.0.1:${sshd.port}`)
  const msh = await openApps(['host'], env)
  const ssh = sshThrough(sshd, msh.ports.host!, homes)
  t.same(await ssh('echo $((6 * 7)); exit 3', ''), { code: 3, out: Buffer.from('42\n') })
  const sent = randomBytes(8_000_000)
  const { code, out } = await ssh('cat', sent)
  t.equal(code, 0)
  t.ok(out.equals(sent), 'every byte came there and back')
  await msh.stop()
})

t.test('I121 msh explains a denial in plain words', async (t) => {
  writeFileSync(
    join(homes, 'careful.yaml'),
    'kind: role\nversion: v1\nmetadata: { name: careful }\nspec:\n  options: { require_session_mfa: true }\n  allow: { app_labels: { env: signer } }\n',
  )
  await cluster.mezctl('roles', 'create', '--from-file', join(homes, 'careful.yaml'))
  await cluster.mezctl('users', 'update', alice.email, '--roles', 'careful')
  await register('signer', 'tcp://127.0.0.1:9', { env: 'signer' })
  t.equal((await login(bob)).ended.code, 0)
  const refusals: [Person, string, RegExp][] = [
    [bob, 'redis-internal', /redis-internal; ask an administrator.*\((role_missing|label_mismatch)\)/],
    [bob, 'nothing-there', /\(app_unknown\)/],
  ]
  for (const [person, app, words] of refusals) {
    const { code, out, err } = await runMsh(['app', 'login', app], envOf(person))
    t.equal(code, 1)
    t.equal(out, '')
    t.match(err, words)
  }
  const waiting = startMsh(['app', 'login', 'signer'], env)
  await waiting.err(/signer needs your passkey\.\nOpening https:/)
  t.equal((await waiting.stop()).out, '', 'no port is open before the confirmation')
  t.match(await audited('access.denied', 'signer'), [{ user: alice.email, reason: 'session_mfa_required' }])
})

t.test(
  'I123 curl and WebSockets reach an HTTP app through its local origin, closed to web pages',
  async (t) => {
    const app = await cluster.publish('tools', (request, response) => {
      if (request.url === '/moved') {
        response.writeHead(302, { location: `https://${request.headers.host}/there` })
        return response.end()
      }
      response.end(`${request.method} ${request.headers['x-mezite-user']} ${request.headers.host}`)
    })
    const sockets = new WebSocketServer({ server: app.server })
    sockets.on('connection', (ws) => ws.on('message', (data) => ws.send(`echo ${data}`)))
    const msh = await openApps(['tools'], env)
    const local = `127.0.0.1:${msh.ports.tools}`
    const curl = (...args: string[]) =>
      run('curl', ['-sS', '--max-time', '20', '-w', '\n%{http_code} %{redirect_url}', ...args]).then(
        ({ stdout }) => stdout,
      )
    const greeted = `${alice.email} ${app.host}\n200 `
    t.equal(await curl(`http://${local}/`), `GET ${greeted}`)
    t.equal(await curl('-d', 'a=b', `http://localhost:${msh.ports.tools}/`), `POST ${greeted}`)
    t.equal(await curl(`http://${local}/moved`), `\n302 http://${local}/there`)
    const ws = new WebSocket(`ws://${local}/`)
    await once(ws, 'open')
    ws.send('hello')
    t.equal(String((await once(ws, 'message'))[0]), 'echo hello')
    ws.close()
    await once(ws, 'close')

    const reached = app.requests.length
    const rebinding = ['--resolve', `evil.example:${msh.ports.tools}:127.0.0.1`]
    t.match(await curl(...rebinding, `http://evil.example:${msh.ports.tools}/`), /\n403 $/)
    t.match(await curl('-d', 'a=b', '-H', 'Origin: https://evil.example', `http://${local}/`), /\n403 $/)
    t.match(await curl('-d', 'a=b', '-H', 'Sec-Fetch-Site: cross-site', `http://${local}/`), /\n403 $/)
    t.equal(app.requests.length, reached, 'none of them reached the app')
    await until(async () => (await audit('app.request', 'tools')).length >= 3, 'the requests are recorded')
    const [first] = await audit('app.request', 'tools')
    t.match(first, { user: alice.email, method: 'GET', status: 200 })
    await msh.stop()
  },
)

t.test('I117 a lock cuts open connections', async (t) => {
  const msh = await openApps(['redis-internal'], env)
  const port = msh.ports['redis-internal']!
  const held = await holdRedis(t, port)
  const watch = startStopwatch()
  await cluster.mezctl('locks', 'create', '--user', alice.email, '--ttl', '1h', '--yes')
  await held.closed
  t.ok(watch.took() < 15_000)
  t.notOk(await answersPing(port))
  await msh.err(/\(locked\)|your login has ended/)
  await msh.stop()
})

t.test('logout ends the session at the hub too', async (t) => {
  const { session_id: id } = JSON.parse((await runMsh(['status', '--json'], envOf(bob))).out)
  const sessions = async () => cluster.mezctl('sessions', 'ls', '--user', bob.email, '--json')
  t.match(await sessions(), id)
  t.match(await runMsh(['logout'], envOf(bob)), { code: 0, out: /Signed out/ })
  t.notMatch(await sessions(), id)
  t.match(await runMsh(['app', 'ls'], envOf(bob)), { code: 1, err: /MEZ_NOT_LOGGED_IN/ })
})

const idsOf = (events: Record<string, unknown>[]) => events.map(({ request_id }) => String(request_id)).sort()

t.test('the hub that restarts records the end of connections that the killed one held', async (t) => {
  await until(async () => (await endsOf('hub_lost')).length > 0, 'the end with the hub is recorded')
  t.match(await endsOf('hub_lost'), [{ user: alice.email, agent: 'demo-node', bytes_in: null }])
  const starts = idsOf(await wholeAudit('app.session.start', 'redis-internal'))
  const ends = idsOf(await wholeAudit('app.session.end', 'redis-internal'))
  t.strictSame(ends, starts, 'each start has one end')
})

t.test('fault 2 the killed hub lost the records of one batch at most, and none is there twice', async (t) => {
  const starts = idsOf(await wholeAudit('app.session.start', 'redis-busy'))
  const ends = idsOf(await wholeAudit('app.session.end', 'redis-busy'))
  t.equal(new Set(starts).size, starts.length)
  t.equal(new Set(ends).size, ends.length)
  const ended = new Set(ends)
  const lost = Math.max(0, answered - starts.length) + starts.filter((id) => !ended.has(id)).length
  t.comment(`${answered} connections answered before the kill, ${lost} records lost`)
  t.ok(lost <= 200, `${lost} lost`)
})
