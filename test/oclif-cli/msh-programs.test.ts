// needs: PostgreSQL
// long
/** Real programs on the ports and tokens of msh, against a whole hub: psql, curl, git, fetch of Node.js, kubectl and Docker by their protocols. */
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres, type Visitor } from '@mezite/core/testing'
import t from 'tap'
import { parse } from 'yaml'
import { startTcpHub } from '../plugins/tcp-apps/start-tcp-hub.ts'
import { type Env, runMsh, startMsh } from './msh-program.ts'
import { otherPlatform } from './other-platform.ts'
import { cleanEnv, MSH, runMezctl } from './run-program.ts'

const DOCKER = fileURLToPath(new URL('../../oclif-cli/msh/docker-credential-mezite.js', import.meta.url))
const tcp = await startTcpHub({ config: { plugins: { 'authorization-server': { enabled: true } } } })
const { hub } = tcp
const dir = mkdtempSync(join(tmpdir(), 'msh-programs-'))
const received: { url: string; headers: IncomingHttpHeaders }[] = []
const web = createServer((request, response) => {
  request.resume()
  received.push({ url: request.url ?? '', headers: request.headers })
  // As a server of plain files has a repository.
  if (request.url?.startsWith('/r.git/info/refs'))
    return void response.end(`${'1'.repeat(40)}\trefs/heads/main\n`)
  response.setHeader('set-cookie', '__Host-a=1; Secure; Path=/')
  response.end(`${request.headers['x-mezite-user']} ${request.headers.host}`)
})
await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
const shared = process.env.MEZITE_TEST_POSTGRES
const postgres = shared === undefined ? await startPostgres() : null
t.teardown(async () => {
  web.closeAllConnections()
  web.close()
  await tcp.stop()
  await postgres?.close()
  rmSync(dir, { recursive: true, force: true })
})
const document = (name: string, spec: object) =>
  hub.api('PUT', `/apps/${name}`, {
    kind: 'app',
    version: 'v1',
    metadata: { name, labels: { team: 'platform' } },
    spec: { agents: ['node-1'], ...spec },
  })
const uri = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
for (const name of ['web', 'docs']) await document(name, { uri })
const database = new URL(shared ?? (await postgres!.createDatabase()))
await document('orders-db', { uri: `tcp://127.0.0.1:${database.port}`, protocol: 'tcp' })

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const file = (name: string, text: string | Buffer) => {
  writeFileSync(join(dir, name), text, { mode: 0o600 })
  return join(dir, name)
}
const key = file('ci.key', privateKey.export({ type: 'pkcs8', format: 'pem' }))
const pub = file('ci.pub', publicKey.export({ type: 'spki', format: 'pem' }))
const proxy = new URL(hub.url).host
const env: Env = { MSH_HOME: join(dir, 'home'), MEZITE_PROXY: proxy }
await runMezctl(['bots', 'create', 'ci', '--roles', 'platform', '--key', pub, '--data-dir', hub.dataDir], {})
const signedIn = await runMsh(['login', '--bot', 'ci', '--ca-file', hub.caFile, '--key', key], env)
if (signedIn.code !== 0) throw new Error(signedIn.err)

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function run(
  command: string,
  args: readonly string[],
  more: { readonly env?: Env; readonly input?: string; readonly uid?: number } = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const { uid } = more
    const options = {
      env: cleanEnv({ HOME: dir, ...more.env }),
      timeout: 180_000,
      ...(uid && { uid, cwd: '/' }),
    }
    const child = execFile(command, [...args], options, (error, out, err) => {
      const { code = 0 } = (error ?? {}) as { code?: number | string }
      resolve({ code: typeof code === 'number' ? code : null, out, err })
    })
    child.stdin?.on('error', () => {}).end(more.input ?? '')
  })
}
const curl = (args: readonly string[], more = {}) => run('curl', ['-sS', ...args], more)

t.test('app run connects psql to a database through its own tunnel, and exits with its status', async (t) => {
  const psql = (...more: string[]) =>
    runMsh(['app', 'run', 'orders-db', '--', 'psql', '-U', 'postgres', '-d', 'postgres', '-AtX', ...more], {
      ...env,
      PGCONNECT_TIMEOUT: '20',
    })
  t.match(await psql('-c', "select 'sum ' || (40 + 2)"), { code: 0, out: 'sum 42\n' })
  t.match(await psql('-v', 'ON_ERROR_STOP=1', '-c', 'select nonsense'), { code: 1, err: /nonsense/ })
  t.match(
    await psql('-v', 'ON_ERROR_STOP=1', '-f', file('stop.sql', 'select nonsense;')),
    { code: 3 },
    'the status of psql for a script',
  )
  const starts = await tcp.events(
    'app.session.start',
    ({ user, app }) => user === 'bot:ci' && app === 'orders-db',
    3,
  )
  t.ok(starts.length >= 3, 'each is a session of the bot')
})

t.test('app run passes signals on, and ends with the command and its tunnel', async (t) => {
  const script = 'trap "exit 9" TERM; trap "exit 8" HUP; echo port $PGPORT; while :; do sleep 0.05; done'
  for (const [signal, code, platform] of [
    ['SIGTERM', 9, null],
    ['SIGHUP', 8, null],
    // A console of Windows that is closed, and a terminal of macOS.
    ['SIGHUP', 8, 'win32'],
    ['SIGHUP', 8, 'darwin'],
  ] as const) {
    const { NODE_OPTIONS = '' } = process.env
    const faked = platform && { NODE_OPTIONS: `${NODE_OPTIONS} --require=${otherPlatform(platform, dir)}` }
    const running = startMsh(['app', 'run', 'orders-db', '--', 'sh', '-c', script], { ...env, ...faked })
    const [, port] = await running.out(/port (\d+)\n/)
    running.child.kill(signal)
    t.match(await running.ended, { code }, `${signal} ${platform ?? 'linux'}`)
    const refused = await new Promise((resolve) => {
      connect(Number(port), '127.0.0.1')
        .once('error', () => resolve(true))
        .once('connect', () => resolve(false))
    })
    t.ok(refused, 'the port is closed')
  }
  t.match(await runMsh(['app', 'run', 'orders-db', '--', 'sh', '-c', 'kill -KILL $$'], env), { code: 137 })
  const echo = ['app', 'run', 'orders-db', '--', 'echo', '-n', 'a', '--', 'a', '-n', 'b']
  t.match(await runMsh(echo, env), { code: 0, out: 'a -- a -n b' }, 'the words of a command keep their order')
  t.match(await runMsh(['app', 'run', 'orders-db', 'true'], env), { code: 2, err: /after --/ })
})

/** Starts the local proxy; resolves to its port. */
async function openProxy(t: { teardown(fn: () => unknown): void }, ...args: string[]) {
  const running = startMsh(['proxy', '--port', '0', ...args], env)
  t.teardown(() => running.stop())
  const [, port = ''] = await running.out(/Proxy open: http:\/\/NAME\.localhost:(\d+)\n/)
  return { running, port: Number(port), url: `http://127.0.0.1:${port}` }
}

const appHost = new URL(hub.appUrl('web')).host

t.test('programs use the local proxy as their HTTP proxy, and it reaches apps alone', async (t) => {
  const { port, url } = await openProxy(t)
  const proxied = ['--proxy', url, '-w', ' %{http_code}']
  t.match(await curl([...proxied, 'http://web.localhost/a?b']), { out: `bot:ci ${appHost} 200` })
  t.equal(received.at(-1)?.url, '/a?b')
  t.equal(received.at(-1)?.headers['proxy-connection'], undefined)
  const both = await curl([...proxied, 'http://web.localhost/', `http://docs.localhost:${port}/`])
  t.match(both.out, new RegExp(`^bot:ci ${appHost} 200bot:ci ${new URL(hub.appUrl('docs')).host} 200$`))
  t.match(await curl([...proxied, '--proxytunnel', 'http://web.localhost/']), {
    out: `bot:ci ${appHost} 200`,
  })
  for (const [what, args] of [
    ['another host', ['http://example.com/']],
    ['a public address without TLS', [`http://${appHost}/`]],
    ['another port', ['http://web.localhost:1/']],
    ['a page of another origin', ['-H', 'Origin: https://evil.example', 'http://web.localhost/']],
    ['an image of another site', ['-H', 'Sec-Fetch-Site: cross-site', 'http://web.localhost/']],
    ['another Host than the URL', ['-H', 'Host: docs.localhost', 'http://web.localhost/']],
    [
      'a tunnel to a page of another app',
      ['--proxytunnel', '-H', 'Origin: http://docs.localhost', 'http://web.localhost/'],
    ],
  ] as const)
    t.match(await curl([...proxied, ...args]), { out: / 403$/ }, what)
  const before = received.length
  for (const target of ['https://example.com/', `https://${appHost}/`, 'https://web.localhost/'])
    t.match(
      await curl([...proxied, '-k', target]),
      { code: 56, err: /CONNECT tunnel failed, response 403/ },
      target,
    )
  t.equal(received.length, before)
})

t.test(
  'S221 with --ca, curl, git and fetch reach apps at their public addresses through the proxy',
  async (t) => {
    const ca = join(dir, 'proxy-ca.pem')
    const { url } = await openProxy(t, '--ca', ca)
    const address = `https://${appHost}`
    const plain = await curl(['--proxy', url, '--cacert', ca, '-D', '-', `${address}/x`])
    t.match(plain, { code: 0, out: /\r\n\r\nbot:ci / }, plain.err)
    t.match(plain.out, /set-cookie: __Host-a=1; Secure; Path=\//i, 'cookies keep what https allows')
    t.match(received.at(-1), { url: '/x', headers: { host: appHost } })
    const same = ['-H', `Origin: ${address}`, '-H', 'Sec-Fetch-Site: same-origin']
    t.match(await curl(['--proxy', url, '--cacert', ca, ...same, address]), { code: 0, out: /^bot:ci/ })
    t.equal(received.at(-1)?.headers.origin, address)
    for (const header of [
      `Origin: http://${appHost}`,
      'Origin: https://evil.example',
      'Sec-Fetch-Site: same-site',
    ])
      t.match(
        await curl(['--proxy', url, '--cacert', ca, '-H', header, '-w', ' %{http_code}', address]),
        { out: / 403$/ },
        header,
      )
    const other = await curl([
      '--proxy',
      url,
      '--cacert',
      ca,
      '-H',
      'Host: docs.localhost',
      '-w',
      ' %{http_code}',
      address,
    ])
    t.match(other, { out: / 403$/ }, 'a tunnel is for one host')
    t.match(await curl(['--proxy', url, address]), { code: 60 }, 'only programs that trust the certificate')
    t.match(await curl(['--proxy', url, '--cacert', ca, 'https://example.com/']), { code: 56 }, 'other hosts')

    const git = await run('git', ['-c', `http.proxy=${url}`, 'ls-remote', `${address}/r.git`], {
      env: { GIT_SSL_CAINFO: ca },
    })
    t.match(git, { code: 0, out: /refs\/heads\/main/ }, git.err)

    const script = `fetch('${address}/fetched').then(async (r) => console.log(r.status, await r.text()))`
    const fetched = await run(process.execPath, ['-e', script], {
      env: { NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: url, NODE_EXTRA_CA_CERTS: ca, NO_PROXY: '' },
    })
    t.match(fetched.out, /^200 bot:ci /, fetched.err)

    const text = await run('openssl', ['x509', '-in', ca, '-noout', '-text'])
    t.match(text.out, /Name Constraints: critical\s+Permitted:/)
    t.match(text.out, `DNS:${new URL(address).hostname}`)
    t.notMatch(text.out, 'example.com', 'it counts for the apps alone')
    t.match(await runMsh(['proxy', '--port', '0', '--ca', '/nowhere/ca.pem'], env), {
      code: 1,
      err: /cannot write/,
    })
  },
)

t.test(
  'S220 a program of another user of the machine cannot use local ports',
  { skip: process.getuid?.() === 0 ? false : 'needs root, to run a program as another user' },
  async (t) => {
    const nobody = { uid: 65_534 }
    const { running, port } = await openProxy(t)
    const target = [`http://web.localhost:${port}/`, '--resolve', `web.localhost:${port}:127.0.0.1`]
    t.match(await curl(target), { out: /^bot:ci/ })
    t.match(await curl(target, nobody), { out: /belongs to another user/ })
    t.match(await curl([...target, '--ipv4', '-x', `http://127.0.0.1:${port}`], nobody), {
      out: /another user/,
    })
    await running.err(/another user tried to use the port/)
    const apps = startMsh(['app', 'login', 'web', 'orders-db'], env)
    t.teardown(() => apps.stop())
    const [, webPort] = await apps.out(/http:\/\/127\.0\.0\.1:(\d+) -> web/)
    const [, tcpPort] = await apps.out(/127\.0\.0\.1:(\d+) -> orders-db/)
    t.match(await curl([`http://127.0.0.1:${webPort}/`]), { out: /^bot:ci/ })
    t.match(await curl([`http://127.0.0.1:${webPort}/`], nobody), { code: 56, out: '' })
    const psql = [
      '-h',
      '127.0.0.1',
      '-p',
      `${tcpPort}`,
      '-U',
      'postgres',
      '-d',
      'postgres',
      '-AtXc',
      'select 1',
    ]
    t.match(await run('psql', psql), { code: 0, out: '1\n' })
    t.match(await run('psql', psql, nobody), { code: 2, out: '' })
    await apps.err(/another user tried to use port/)
  },
)

const git = (operation: string, lines: readonly string[]) =>
  runMezctl(['git-credential', operation], env, `${lines.join('\n')}\n\n`, MSH)
const open = async (headers: Readonly<Record<string, string>>, name = 'web') => {
  const visitor: Visitor = hub.visitor()
  const { status } = await visitor.fetch(`${hub.appUrl(name)}/`, {
    headers: { accept: 'application/json', ...headers },
  })
  return status
}
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

t.test('git gets a token of the app that it reaches, as it asks for credentials', async (t) => {
  const asked = ['protocol=https', `host=${appHost}`]
  const old = await git('get', asked)
  const [, user = '', password = ''] = /^username=(\w+)\npassword=(mezite_at_[\w-]{43})\n/.exec(old.out) ?? []
  t.equal(await open(basic(user, password)), 200, old.out + old.err)
  t.match(old.out, /password_expiry_utc=\d{10}\n$/)
  t.match(await git('get', [...asked, 'username=ann']), { out: /^username=ann\npassword=/ })
  const now = await git('get', ['capability[]=authtype', ...asked])
  const [, token = ''] = /^capability\[\]=authtype\nauthtype=Bearer\ncredential=(\S+)\n/.exec(now.out) ?? []
  t.equal(token, password, 'one token for many calls')
  t.equal(await open({ authorization: `Bearer ${token}` }), 200)
  t.equal(await open({ authorization: `Bearer ${token}` }, 'docs'), 401, 'and of no other app')
  t.equal(statSync(join(dir, 'home', 'tokens.json')).mode & 0o777, 0o600)
  t.match(await git('erase', asked), { code: 0, out: '' })
  t.notMatch((await git('get', asked)).out, password, 'a token that was refused is not given again')
  for (const lines of [
    ['protocol=https', 'host=example.com'],
    ['protocol=http', `host=${appHost}`],
    ['protocol=https'],
  ])
    t.strictSame(await git('get', lines), { code: 0, out: '', err: '' }, lines.join(' '))
  t.match(await git('store', [...asked, 'username=a', 'password=b']), { code: 0, out: '' })

  const { hostname, port } = new URL(hub.appUrl('web'))
  const helper = `!'${process.execPath}' '${MSH}' git-credential`
  const real = await run(
    'git',
    [
      ...['-c', `credential.helper=${helper}`],
      ...['-c', `http.curloptResolve=${hostname}:${port}:127.0.0.1`, 'ls-remote', `https://${appHost}/r.git`],
    ],
    { env: { ...env, GIT_TERMINAL_PROMPT: '0', GIT_SSL_CAINFO: hub.caFile } },
  )
  t.match(real, { code: 0, out: /refs\/heads\/main/ }, real.err)
})

const docker = (operation: string, input: string) => runMezctl([operation], env, input, DOCKER)

t.test('Docker gets a token of a registry by the protocol of its credential helpers', async (t) => {
  for (const server of [appHost, `https://${appHost}`, `https://${appHost}/v2/\n`]) {
    const { code, out } = await docker('get', server)
    t.equal(code, 0, out)
    const { ServerURL, Username, Secret } = JSON.parse(out)
    t.equal(ServerURL, server.trim())
    t.equal(await open(basic(Username, Secret)), 200)
  }
  t.match(JSON.parse((await docker('list', '')).out), { [`https://${appHost}`]: 'mezite' })
  for (const server of ['registry-1.docker.io', 'https://index.docker.io/v1/', `http://${appHost}`, ''])
    t.strictSame(
      await docker('get', server),
      { code: 1, out: 'credentials not found in native keychain\n', err: '' },
      server,
    )
  const stored = (ServerURL: string) =>
    docker('store', JSON.stringify({ ServerURL, Username: 'mezite', Secret: 'secret-of-somebody' }))
  t.match(await stored(`https://${appHost}`), { code: 0 })
  t.match(await stored('registry-1.docker.io'), { code: 1, out: /stores nothing/ })
  t.notMatch(readFileSync(join(dir, 'home', 'tokens.json'), 'utf8'), 'secret-of-somebody')
  const before = (await docker('get', appHost)).out
  t.match(await docker('erase', appHost), { code: 0 })
  t.strictSame(JSON.parse((await docker('list', '')).out), {})
  t.not((await docker('get', appHost)).out, before)
  t.match(await docker('version', ''), { code: 2 })
})

t.test('kube config writes a kubeconfig whose exec plugin gives kubectl a token', async (t) => {
  const made = await runMsh(['kube', 'config', 'web'], env)
  const path = join(dir, 'home', 'kube', 'web.yaml')
  t.match(made, { code: 0, out: `Wrote ${path}.` }, made.err)
  t.equal(statSync(path).mode & 0o777, 0o600)
  const config = parse(readFileSync(path, 'utf8'))
  t.match(config, { apiVersion: 'v1', kind: 'Config', 'current-context': `web@${proxy}` })
  t.equal(config.clusters[0].cluster.server, new URL(hub.appUrl('web')).origin)
  t.equal(
    Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString(),
    readFileSync(hub.caFile, 'utf8'),
  )
  t.notMatch(readFileSync(path, 'utf8'), /mezite_at_|PRIVATE/)
  const { exec } = config.users[0].user
  t.match(exec, { apiVersion: 'client.authentication.k8s.io/v1', command: 'msh', interactiveMode: 'Never' })
  const call = async (info: object | null) => {
    const given = Object.fromEntries(exec.env.map(({ name, value }: Record<string, string>) => [name, value]))
    const asked = info === null ? {} : { KUBERNETES_EXEC_INFO: JSON.stringify(info) }
    return runMsh(exec.args, { ...given, ...asked })
  }
  const info = { apiVersion: exec.apiVersion, kind: 'ExecCredential', spec: { interactive: false } }
  for (const one of [null, info]) {
    const { code, out, err } = await call(one)
    t.equal(code, 0, err)
    const credential = JSON.parse(out)
    t.match(credential, { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential' })
    t.equal(await open({ authorization: `Bearer ${credential.status.token}` }), 200)
    const left = Date.parse(credential.status.expirationTimestamp) - Date.now()
    t.ok(left > 0 && left <= 3_600_000)
  }
  t.match(await call({ ...info, apiVersion: 'client.authentication.k8s.io/v9' }), {
    code: 2,
    err: /EXEC_INFO/,
  })
  t.match(await runMsh(['kube', 'config', 'web', '--out', '-'], env), { code: 0, out: /^apiVersion: v1\n/ })
  t.match(await runMsh(['kube', 'config', 'orders-db'], env), { code: 2, err: /not a web application/ })
})

t.test('tokens end with the login', async (t) => {
  const { out } = await docker('get', appHost)
  const { Username, Secret } = JSON.parse(out)
  t.equal(await open(basic(Username, Secret)), 200)
  t.match(await runMsh(['logout'], env), { code: 0 })
  t.equal(await open(basic(Username, Secret)), 401)
  t.match(await docker('get', appHost), { code: 1, out: /not signed in/ })
  await runMsh(['login', '--bot', 'ci', '--ca-file', hub.caFile, '--key', key], env)
  t.not((await docker('get', appHost)).out, out, 'the next login does not give the former tokens')
})
