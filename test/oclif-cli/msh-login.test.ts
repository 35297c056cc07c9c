// together: msh
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startMshHub } from './msh-hub.ts'
import { loginMsh, mshEnv, openApps, runMsh, startMsh } from './msh-program.ts'

t.test('login creates a key on the machine, sends its public half only, and keeps it private', async (t) => {
  const hub = await startMshHub()
  t.teardown(() => hub.stop())
  const env = mshEnv(hub)
  const done = await loginMsh(hub, env, ['--auth', 'sso', '--ttl', '4h'])
  t.equal(done.code, 0, done.err)
  t.match(done.out, `Signed in to test at ${hub.proxy} as alice@example.com; expires in `)
  t.notMatch(done.out, 'sooner')
  const page = new URL(hub.seen.find(({ url }) => url.startsWith('/web/cli'))!.url, 'https://hub')
  t.equal(page.searchParams.get('connector'), 'sso')
  t.equal(page.searchParams.get('program'), 'msh')
  const sent = hub.seen.find(({ url }) => url === '/v1/webapi/user-certs')!.body!
  t.equal(sent.ttl_seconds, 4 * 3_600)
  t.match(sent.public_key, /^-----BEGIN PUBLIC KEY-----/)
  t.strictSame(Object.keys(sent).sort(), ['code', 'public_key', 'ttl_seconds', 'verifier'])
  const file = join(env.MSH_HOME!, 'credentials.json')
  t.match(readFileSync(file, 'utf8'), /BEGIN PRIVATE KEY/)
  t.notMatch(JSON.stringify(hub.seen), /PRIVATE/)

  t.test('msh reports a certificate that expires sooner than requested', async (t) => {
    const strict = await startMshHub()
    t.teardown(() => strict.stop())
    strict.ttlSeconds = 3_600
    const { out } = await loginMsh(strict, mshEnv(strict), ['--ttl', '24h'])
    t.match(out, 'This is sooner than --ttl 24h')
    t.notMatch((await loginMsh(strict, mshEnv(strict))).out, 'sooner', 'nothing was asked for')
  })

  t.test('status shows the person, hub, roles and end of the login', async (t) => {
    const text = await runMsh(['status'], env)
    t.match(
      text.out,
      /User +alice@example\.com\nCluster +test\nHub +hub\.localhost:\d+\nRoles +platform, new/,
    )
    const json = JSON.parse((await runMsh(['status', '--format', 'json'], env)).out)
    t.match(json, { proxy: hub.proxy, user: 'alice@example.com', cluster: 'test', identity_file: null })
    t.strictSame(json.roles, ['platform', 'new'], 'the roles of now, not of the login')
    t.ok(Date.parse(json.expires) > Date.now())
  })

  t.test('app ls explains why no app is available', async (t) => {
    t.match((await runMsh(['app', 'ls'], env)).out, /^You have no applications yet/)
    hub.locked = { message: 'coffee \u001b[2J' }
    t.match((await runMsh(['app', 'ls'], env)).out, /access is locked.*: coffee \\x1b/)
    hub.locked = null
  })

  t.test('app ls prints exactly the apps that the hub lists', async (t) => {
    hub.apps.set('redis', { protocol: 'tcp', port: 1 })
    const expected = [
      { name: 'redis', protocol: 'tcp', public_addr: 'redis.apps.localhost', labels: { env: 'prod' } },
    ]
    t.strictSame(JSON.parse((await runMsh(['app', 'ls', '--json'], env)).out), expected)
    t.match((await runMsh(['app', 'list'], env)).out, /redis +tcp +redis\.apps\.localhost +env=prod/)
    hub.apps.set('wiki', { protocol: 'http', port: 1 })
    t.match((await runMsh(['app', 'ls'], env)).out, /wiki +http +https:\/\/wiki\.apps\.localhost:8443 +env/)
    hub.apps.delete('wiki')
  })

  t.test(
    'I125 the files are 0600 in a folder of 0700, and one that others can read is refused',
    async (t) => {
      t.equal(statSync(file).mode & 0o777, 0o600)
      t.equal(statSync(env.MSH_HOME!).mode & 0o777, 0o700)
      for (const mode of [0o640, 0o604, 0o620]) {
        chmodSync(file, mode)
        for (const command of [['status'], ['app', 'ls'], ['app', 'login', 'redis']]) {
          const { code, err } = await runMsh(command, env)
          t.equal(code, 1)
          t.match(err, 'MEZ_CREDENTIALS_UNSAFE')
        }
      }
      chmodSync(file, 0o600)
    },
  )

  t.test('msh keeps logins at several hubs; logout ends one and deletes its key', async (t) => {
    const other = await startMshHub()
    t.teardown(() => other.stop())
    t.equal((await loginMsh(other, env)).code, 0)
    const status = JSON.parse((await runMsh(['status', '--json'], env)).out)
    t.equal(status.proxy, other.proxy)
    t.strictSame(status.other_logins, [hub.proxy])
    t.match((await runMsh(['--proxy', hub.proxy, 'status'], env)).out, hub.proxy)
    const out = await runMsh(['logout', '--proxy', hub.proxy], env)
    t.equal(out.code, 0, out.err)
    t.ok(hub.seen.some(({ method, url }) => method === 'DELETE' && url === '/v1/webapi/me/session'))
    t.match(await runMsh(['status', '--proxy', hub.proxy], env), { code: 1, err: /MEZ_NOT_LOGGED_IN/ })
    t.equal((await runMsh(['status'], env)).code, 0)
    other.signedIn = false
    t.match(await runMsh(['status'], env), { code: 1, err: /MEZ_LOGIN_ENDED.*\nRun msh login --proxy/s })
  })
})

t.test('a damaged credential file is reported with the remedy', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'msh-home-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  const file = join(home, 'credentials.json')
  const whole = { proxy: 'h', token: 't', expires: '2030-01-01T00:00:00Z', user: 'u', cluster: 'c' }
  const kept: [string, RegExp][] = [
    ['{"profiles":{"x":{}},"current":"x"}', /the login at x has no proxy/],
    ['{"profiles":{"x":null},"current":"x"}', /the login at x has no proxy/],
    [JSON.stringify({ current: 'h', profiles: { h: { ...whole, ca: null } } }), /the login at h has no key/],
    ['{"profiles":{},"current":3}', /"current" is not a name/],
    ['{"token":"a secret', /not valid JSON/],
  ]
  for (const [text, reason] of kept) {
    writeFileSync(file, text, { mode: 0o600 })
    for (const words of [['status'], ['logout']]) {
      const { code, err } = await runMsh(words, { MSH_HOME: home })
      t.equal(code, 1)
      t.ok(err.startsWith(`error: ${file} is damaged: `), err)
      t.match(err, reason)
      t.notMatch(err, 'secret')
      t.match(err, /\(MEZ_FILE_UNREADABLE\)\nRemove the file/)
    }
  }
})

t.test('an identity file opens apps unattended, without a home', async (t) => {
  const hub = await startMshHub()
  t.teardown(() => hub.stop())
  const out = join(hub.dir, 'ci.pem')
  const done = await loginMsh(hub, mshEnv(hub), ['--out', out])
  t.equal(done.code, 0, done.err)
  t.equal(statSync(out).mode & 0o777, 0o600)
  const kinds = [...readFileSync(out, 'utf8').matchAll(/-----BEGIN ([A-Z ]+)-----/g)].map(([, kind]) => kind)
  t.strictSame(kinds, ['PRIVATE KEY', 'CERTIFICATE', 'CERTIFICATE'])
  t.notMatch(readFileSync(out, 'utf8'), 'token-of-alice')
  t.match(await runMsh(['status'], mshEnv(hub)), { code: 1, err: /MEZ_NOT_LOGGED_IN/ }, 'no login was kept')

  hub.apps.set('redis', { protocol: 'tcp', port: 1 })
  const nowhere = { MSH_HOME: '/dev/null/nowhere' }
  const running = await openApps(['redis'], { ...nowhere, MSH_IDENTITY: out })
  t.equal((await running.stop()).code, 0)
  t.match(await runMsh(['-i', out, 'status', '--json'], nowhere), {
    code: 0,
    out: /"user": "alice@example\.com"/,
  })
  t.match(await runMsh(['-i', out, 'app', 'ls'], nowhere), { code: 1, err: /MEZ_IDENTITY_INVALID/ })
  chmodSync(out, 0o644)
  t.match(await runMsh(['-i', out, 'app', 'login', 'redis'], nowhere), {
    code: 1,
    err: /MEZ_CREDENTIALS_UNSAFE/,
  })
})

t.test('an identity file that cannot be written is reported before the browser opens', async (t) => {
  const hub = await startMshHub()
  t.teardown(() => hub.stop())
  for (const out of [join(hub.dir, 'missing', 'ci.pem'), hub.dir, '/dev/null/ci.pem', '']) {
    const { code, err } = await runMsh(
      ['login', '--proxy', hub.proxy, '--ca-file', hub.caFile, '--out', out],
      mshEnv(hub),
    )
    t.equal(code, 1, out)
    t.match(err, /^error: cannot write .* \(MEZ_FILE_UNWRITABLE\)/)
    t.notMatch(err, /Opening/)
  }
  t.strictSame(hub.seen, [], 'the hub was not asked')
  const file = join(hub.dir, 'ci.pem')
  writeFileSync(file, 'an older one')
  const running = startMsh(
    ['login', '--proxy', hub.proxy, '--ca-file', hub.caFile, '--out', file],
    mshEnv(hub),
  )
  await running.err(/Opening/)
  t.equal(readFileSync(file, 'utf8'), 'an older one', 'it stays until there is a new one')
  t.strictSame(
    readdirSync(hub.dir).filter((name) => name.startsWith('ci.pem')),
    ['ci.pem'],
  )
  running.child.kill()
  await running.ended
})

t.test('login --no-browser prints an address that makes the page show a code', async (t) => {
  const hub = await startMshHub()
  t.teardown(() => hub.stop())
  const args = ['login', '--proxy', hub.proxy, '--ca-file', hub.caFile, '--no-browser']
  const running = startMsh(args, mshEnv(hub))
  const [, address = ''] = await running.err(/(https:\S+)/)
  const page = new URL(address)
  t.equal(page.searchParams.get('no_browser'), '1')
  t.notOk(page.searchParams.has('redirect_port'))
  running.child.stdin!.end('wrong\n')
  t.match(await running.ended, { code: 1, err: /code_invalid/ })
})

t.test('K146 TLS is verified, wrong usage exits 2, and everything answers --help', async (t) => {
  const hub = await startMshHub()
  t.teardown(() => hub.stop())
  const env = mshEnv(hub)
  const usages = [
    ['login'],
    ['app', 'login'],
    ['app', 'login', 'a', 'b', '--port', '1'],
    ['app', 'login', 'A/B'],
  ]
  for (const words of [
    ...usages,
    ['login', '--proxy', 'h', '--ttl', '25h'],
    ['nothing'],
    ['status', '--bogus'],
  ]) {
    const { code, err } = await runMsh(words, env)
    t.equal(code, 2, words.join(' '))
    t.match(err, /^error: .* \(MEZ_USAGE_WRONG\)\n\S/, words.join(' '))
  }
  for (const words of [[], ['login'], ['logout'], ['status'], ['app'], ['app', 'ls'], ['app', 'login']]) {
    t.match(await runMsh([...words, '--help'], env), { code: 0, out: /USAGE/ }, words.join(' '))
  }
  t.match(await runMsh(['--version'], env), { code: 0, out: /^msh \d/ })
  const untrusting = startMsh(['login', '--proxy', hub.proxy, '--no-browser'], env)
  untrusting.child.stdin!.end('code\n')
  const untrusted = await untrusting.ended
  t.match(untrusted, { code: 1, err: /MEZ_TLS_UNTRUSTED/ })
  t.notMatch(untrusted.err, 'MEZITE_AUTH_TOKEN', 'which msh does not know')
  t.notMatch(untrusted.err, /Open this page/, 'it says so before anybody goes to a browser')
  await hub.down()
  const nobody = await runMsh(['login', '--proxy', hub.proxy, '--ca-file', hub.caFile], env)
  t.match(nobody, { code: 1, err: /^error: .* \(MEZ_HUB_UNREACHABLE\)/ })
})
