// long
/** Command lines of programs, against a whole hub: a bot that signs in and stays so, one command's app, and the local proxy. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http, { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startTcpHub } from '../plugins/tcp-apps/start-tcp-hub.ts'
import { until } from '../until.ts'
import { type Env, runMsh, startMsh } from './msh-program.ts'
import { runMezctl } from './run-program.ts'

const tcp = await startTcpHub()
const { hub } = tcp
const dir = mkdtempSync(join(tmpdir(), 'msh-bot-'))
const web = createServer((request, response) => {
  request.resume()
  response.setHeader('set-cookie', '__Host-a=1; Secure; Path=/')
  response.end(`${request.headers['x-mezite-user']} ${request.headers.host}`)
})
await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
t.teardown(async () => {
  web.closeAllConnections()
  web.close()
  await tcp.stop()
  rmSync(dir, { recursive: true, force: true })
})
await tcp.publish('echo', (socket) => void socket.pipe(socket))
for (const name of ['web', 'docs'])
  await hub.api('PUT', `/apps/${name}`, {
    kind: 'app',
    version: 'v1',
    metadata: { name, labels: { team: 'platform' } },
    spec: { uri: `http://127.0.0.1:${(web.address() as AddressInfo).port}`, agents: ['node-1'] },
  })

const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text, { mode: 0o600 })
  return join(dir, name)
}
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const key = file('ci.key', privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
const pub = file('ci.pub', publicKey.export({ type: 'spki', format: 'pem' }) as string)
const proxy = new URL(hub.url).host
const home = (name: string): Env => ({ MSH_HOME: join(dir, name), MEZITE_PROXY: proxy })
const env = home('key')
const mezctl = (...args: string[]) => runMezctl([...args, '--data-dir', hub.dataDir], {}, '')
const login = (bot: string, more: readonly string[], to: Env = env) =>
  runMsh(['login', '--bot', bot, '--ca-file', hub.caFile, ...more], to)
const stored = (of: Env) =>
  JSON.parse(readFileSync(join(of.MSH_HOME ?? '', 'credentials.json'), 'utf8')).profiles[proxy]

t.test('mezctl creates, changes and shows a bot', async (t) => {
  const made = await mezctl('bots', 'create', 'ci', '--roles', 'platform', '--key', pub)
  t.match(made, { code: 0, out: /Created bot ci\. Apps see it as bot:ci\./ })
  t.match(await mezctl('bots', 'create', 'ci', '--roles', 'platform'), { code: 1, err: /already exists/ })
  const issuer = ['--issuer', tcp.issuer.url]
  t.match(await mezctl('bots', 'create', 'job', '--roles', 'platform', ...issuer), {
    code: 2,
    err: /a rule of trust also needs --audience AUDIENCE and --claim NAME=VALUE/,
  })
  t.match(await mezctl('bots', 'update', 'ci', '--claim', 'a=b', ...issuer), {
    code: 2,
    err: /a rule of trust also needs --audience AUDIENCE/,
  })
  const changed = await mezctl(
    ...['bots', 'update', 'ci', '--ttl', '20m', '--issuer', tcp.issuer.url, '--audience', 'hub'],
    ...['--claim', 'sub=job-1'],
  )
  t.match(changed, { code: 0, out: /Updated bot ci/ })
  t.match(await mezctl('bots', 'ls'), { out: /ci +platform +- +1 key, 127\.0\.0\.1:\d+ +- +20m/ })
  t.match(await mezctl('bots', 'get', 'ci'), { out: /max_token_ttl: 20m/ })
  t.match(await mezctl('bots', 'create', 'x', '--roles', 'a', '--key', key), {
    code: 2,
    err: /is not a public key/,
  })
  t.match(await mezctl('bots', 'create', 'x', '--roles', 'a', '--issuer', 'https://a.example'), { code: 2 })
})

t.test('a bot signs in by its key, by an ID token and by its secret, without a browser', async (t) => {
  const done = await login('ci', ['--key', key])
  t.match(done, { code: 0, out: /Signed in to test at .* as bot:ci; expires in/ }, done.err)
  t.match(await runMsh(['status'], env), { out: /User +bot:ci/ })
  const now = Math.floor(Date.now() / 1_000)
  const token = tcp.issuer.sign({
    iss: tcp.issuer.url,
    sub: 'job-1',
    aud: 'hub',
    iat: now,
    exp: now + 60,
    jti: 'a',
  })
  const idToken = { ...home('id-token'), MEZITE_ID_TOKEN: token }
  t.match(await login('ci', [], idToken), { code: 0 })
  const mounted = tcp.issuer.sign({
    iss: tcp.issuer.url,
    sub: 'job-1',
    aud: 'hub',
    iat: now,
    exp: now + 60,
    jti: 'k8s',
  })
  const byFile = home('file')
  t.match(await login('ci', ['--id-token-file', file('token', `${mounted}\n`)], byFile), { code: 0 })
  t.match(await login('ci', ['--id-token-file', join(dir, 'token')], byFile), { code: 1 }, 'it counts once')
  const { out } = await mezctl('bots', 'secret', 'ci')
  const [, secret = ''] = /Secret: (mezite_bot_\S+)/.exec(out) ?? []
  const bySecret = home('secret')
  t.match(await login('ci', ['--secret-file', file('secret.txt', `${secret}\n`)], bySecret), { code: 0 })
  t.notMatch(readFileSync(join(bySecret.MSH_HOME ?? '', 'credentials.json'), 'utf8'), secret)
  t.match(await login('ci', ['--secret-file', file('wrong', 'mezite_bot_x')], bySecret), {
    code: 1,
    err: /bot or its proof is not accepted/,
  })
  t.match(await login('ci', [], home('none')), { code: 2, err: /nothing to prove itself with/ })
})

t.test('in GitHub Actions the ID token comes from the runner', async (t) => {
  const asked: string[] = []
  const runner = createServer((request, response) => {
    asked.push(`${request.headers.authorization} ${request.url}`)
    const now = Math.floor(Date.now() / 1_000)
    const claims = { iss: tcp.issuer.url, sub: 'job-1', aud: 'hub', iat: now, exp: now + 60, jti: 'gh' }
    response.end(JSON.stringify({ value: tcp.issuer.sign(claims) }))
  })
  await new Promise<void>((resolve) => runner.listen(0, '127.0.0.1', resolve))
  t.teardown(() => runner.close())
  const job = {
    ...home('github'),
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${(runner.address() as AddressInfo).port}/?api-version=2`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'runner',
  }
  t.match(await login('ci', ['--audience', 'hub'], job), { code: 0 })
  t.strictSame(asked, ['Bearer runner /?api-version=2&audience=hub'])
})

t.test('app run opens an app for one command, and exits with its status', async (t) => {
  const script = `const s = require('node:net').connect(process.env.PGPORT, process.env.PGHOST)
    s.write('ping'); s.on('data', (d) => { console.log(String(d), process.argv[1], process.env.MEZITE_APP_PORT); process.exit(7) })`
  const done = await runMsh(['app', 'run', 'echo', '--', process.execPath, '-e', script, 'port={port}'], env)
  t.equal(done.code, 7, done.err)
  const [, argument, variable] = /ping port=(\d+) (\d+)/.exec(done.out) ?? []
  t.ok(argument !== undefined && argument === variable, done.out)
  const url = ['app', 'run', 'web', '--', process.execPath, '-e', 'console.log(process.env.MEZITE_APP_URL)']
  t.match(await runMsh(url, env), { code: 0, out: /^http:\/\/127\.0\.0\.1:\d+\n$/ })
  t.match(await runMsh(['app', 'run', 'echo', '--', '/nowhere/at-all'], env), { code: 2, err: /cannot run/ })
  t.match(await runMsh(['app', 'run', 'nope', '--', 'true'], env), { code: 1, err: /no app named nope/ })
})

function ask(port: number, host: string, headers: http.OutgoingHttpHeaders = {}) {
  return new Promise<{ status: number; text: string; cookies: readonly string[] }>((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, agent: false, headers: { host, ...headers } }, async (answer) => {
        let text = ''
        for await (const chunk of answer) text += chunk
        resolve({ status: answer.statusCode ?? 0, text, cookies: answer.headers['set-cookie'] ?? [] })
      })
      .on('error', reject)
  })
}

t.test('the local proxy has every web application at a name of its own', async (t) => {
  const running = startMsh(['proxy', '--port', '0'], env)
  const [, text] = await running.out(/Proxy open: http:\/\/NAME\.localhost:(\d+)\n/)
  const port = Number(text)
  for (const name of ['web', 'docs']) {
    const answer = await ask(port, `${name}.localhost:${port}`)
    t.match(answer, { status: 200, text: `bot:ci ${new URL(hub.appUrl(name)).host}` })
    t.strictSame(answer.cookies, ['mezite-host-a=1; Path=/'])
  }
  t.match(await ask(port, `WEB.localhost:${port}`), { status: 200 }, 'names have no case')
  t.match(await ask(port, `web.localhost:${port}`, { origin: `http://web.localhost:${port}` }), {
    status: 200,
  })

  const own = `web.localhost:${port}`
  for (const [what, host, headers] of [
    ['DNS rebinding', `evil.example:${port}`, {}],
    ['a name below another', `a.web.localhost:${port}`, {}],
    ['another port', 'web.localhost:1', {}],
    ['the port itself', `127.0.0.1:${port}`, {}],
    ['a page of another app', own, { origin: `http://docs.localhost:${port}` }],
    ['a page of the web', own, { origin: 'https://evil.example' }],
    ['an image of the web', own, { 'sec-fetch-site': 'cross-site' }],
    ['an image of another app', own, { 'sec-fetch-site': 'same-site' }],
  ] as const)
    t.match(await ask(port, host, headers), { status: 403 }, what)
  t.match(await ask(port, `nope.localhost:${port}`), { status: 404, text: /no app named nope/ })
  t.match(await ask(port, `echo.localhost:${port}`), { status: 400, text: /not a web application/ })

  const replies = await raw(port, [
    `GET / HTTP/1.1\r\nHost: ${own}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: docs.localhost:${port}\r\nConnection: close\r\n\r\n`,
  ])
  t.match(replies, /200 OK.*403 Forbidden/s, 'a connection belongs to one app')
  for (const bytes of [
    `CONNECT evil.example:80 HTTP/1.1\r\nHost: ${own}\r\n\r\n`,
    `CONNECT ${own} HTTP/1.1\r\nHost: ${own}\r\nHost: evil.example\r\n\r\n`,
    `CONNECT web.localhost:1 HTTP/1.1\r\nHost: ${own}\r\n\r\n`,
    `GET http://evil.example/ HTTP/1.1\r\nHost: ${own}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: ${own}\r\nHost: ${own}\r\n\r\n`,
  ])
    t.notMatch(await raw(port, [bytes]), /^HTTP\/1\.1 2/, bytes.slice(0, 24))
  await running.stop()
})

/** All bytes that come back until the connection ends; each request is sent after the first reply to the one before. */
function raw(port: number, requests: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    let sent = 1
    socket.on('error', () => resolve(text))
    socket.write(requests[0] as string)
    socket.on('data', (chunk) => {
      text += chunk
      const next = requests[sent]
      if (next === undefined) return
      sent++
      socket.write(next)
    })
    socket.once('close', () => resolve(text))
  })
}

t.test('the login of a bot renews itself, in a running proxy and at the next command', async (t) => {
  const short = home('short')
  t.match(await login('ci', ['--key', key, '--ttl', '6s'], short), { code: 0 })
  const first = stored(short)
  const running = startMsh(['proxy', '--port', '0'], short)
  const [, text] = await running.out(/localhost:(\d+)\n/)
  const port = Number(text)
  t.match(await ask(port, `web.localhost:${port}`), { status: 200 })
  await until(() => stored(short).session_id !== first.session_id, 'the login is renewed')
  await until(() => Date.parse(first.expires) < Date.now(), 'the first certificate has expired')
  t.match(await ask(port, `web.localhost:${port}`), { status: 200, text: /^bot:ci/ })
  await running.stop()
  const again = home('again')
  await login('ci', ['--key', key, '--ttl', '3s'], again)
  const before = stored(again)
  await until(() => Date.parse(before.expires) < Date.now(), 'the certificate has expired')
  t.match(await runMsh(['app', 'ls'], again), { code: 0, out: /web/ })
  t.not(stored(again).session_id, before.session_id)
})
