// together: programs
/** Real programs with the token of a robot: git clones and pushes by HTTP, and curl reads. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { runMsh } from '../../oclif-cli/msh-program.ts'
import { gitIn, startGitServer } from './git-programs.ts'
import { startWorld, token } from './world.ts'

const run = promisify(execFile)
const dir = mkdtempSync(join(tmpdir(), 'mezite-git-'))
const world = await startWorld(t)
const { hub, resource } = world
const seen: (string | undefined)[] = []

const served = await startGitServer(t, dir, (authorization) => seen.push(authorization))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
await world.register('git', { uri: served })
await hub.api('PUT', '/bots/ci', {
  kind: 'bot',
  version: 'v1',
  metadata: { name: 'ci' },
  spec: { roles: ['staff'] },
})
const { secret } = await hub.api<{ secret: string }>('POST', '/bots/ci/secret')
const answer = await token(hub, {
  grant_type: 'client_credentials',
  client_id: 'bot:ci',
  client_secret: secret,
  resource: resource('git'),
})
const { access_token: access } = JSON.parse(answer.text)

const { hostname, port } = new URL(hub.appUrl('git'))
const git = gitIn(dir, hub)

t.test('git clones and pushes with a token as the password', async (t) => {
  await run('git', ['init', '-q', '--bare', '-b', 'main', join(dir, 'shop.git')])
  const url = `https://any:${access}@${hostname}:${port}/shop.git`
  await git(dir, 'clone', '-q', url, 'one')
  const one = join(dir, 'one')
  // More than one packet of the protocol, sent in chunks.
  writeFileSync(join(one, 'file'), Buffer.alloc(3 << 20, 'mezite '))
  await git(one, 'add', '.')
  await git(one, 'commit', '-q', '-m', 'first')
  await git(one, 'push', '-q', 'origin', 'HEAD:main')
  await git(dir, 'clone', '-q', url, 'two')
  t.ok(readFileSync(join(dir, 'two', 'file')).equals(readFileSync(join(one, 'file'))))
  t.ok(seen.length > 3)
  t.notOk(
    seen.some((line) => line !== undefined),
    'S205 the repository never sees the token',
  )
})

t.test('git works with a bearer token, and asks for one without', async (t) => {
  const bare = `https://${hostname}:${port}/shop.git`
  await git(dir, '-c', `http.extraHeader=Authorization: Bearer ${access}`, 'clone', '-q', bare, 'three')
  await t.rejects(git(dir, 'clone', '-q', bare, 'four'), 'nobody gets in without one')
  await hub.api('POST', '/locks', { target: { user: 'bot:ci' } })
  await t.rejects(
    git(dir, '-c', `http.extraHeader=Authorization: Bearer ${access}`, 'clone', '-q', bare, 'five'),
    'S204 nor with that of a locked robot',
  )
})

t.test('curl gets a token by its own option for a user, as the documentation says', async (t) => {
  for (const { id } of await hub.api<{ id: string }[]>('GET', '/locks'))
    await hub.api('DELETE', `/locks/${id}`)
  const { host, port: own } = new URL(hub.signInUrl)
  const { stdout } = await run('curl', [
    ...['-s', '--cacert', hub.caFile, '--resolve', `${host.split(':')[0]}:${own}:127.0.0.1`],
    ...['-u', `bot:ci:${secret}`, '-d', 'grant_type=client_credentials', '-d', `resource=${resource('one')}`],
    `${hub.signInUrl}/v1/oauth/token`,
  ])
  const fresh = JSON.parse(stdout).access_token
  const app = new URL(hub.appUrl('one'))
  const read = await run('curl', [
    ...['-s', '--cacert', hub.caFile, '--resolve', `${app.hostname}:${app.port}:127.0.0.1`],
    ...['-H', `Authorization: Bearer ${fresh}`, `${app.origin}/`],
  ])
  t.equal(read.stdout, 'for bot:ci')
})

t.test('msh token and msh curl open one app with a login for a while, and end with it', async (t) => {
  const env = { MSH_HOME: join(dir, 'msh'), MEZITE_BOT_SECRET: secret, MEZITE_BROWSER: '/bin/true' }
  const proxy = new URL(hub.url).host
  const login = await runMsh(['login', '--bot', 'ci', '--proxy', proxy, '--ca-file', hub.caFile], env)
  t.equal(login.code, 0, login.err)
  const printed = await runMsh(['token', 'git', '--ttl', '5m'], env)
  t.match(printed, { code: 0, out: /^mezite_at_[\w-]{43}\n$/ }, printed.err)
  const url = `https://any:${printed.out.trim()}@${hostname}:${port}/shop.git`
  await git(dir, '-c', 'http.proactiveAuth=basic', 'clone', '-q', url, 'six')
  t.match(await runMsh(['token', 'nothing'], env), { code: 1, err: /nothing/ })
  t.match(await runMsh(['token', 'git', '--ttl', '2h'], env), { code: 2, err: /--ttl/ })
  const { origin } = new URL(hub.appUrl('one'))
  const read = await runMsh(['curl', `${origin}/`, '--', '-s', '--cacert', hub.caFile], env)
  t.match(read, { code: 0, out: 'for bot:ci' }, read.err)
  for (const words of [
    ['-s', '--cacert', hub.caFile, `${origin}/`],
    ['-sS', `${origin}/`, '--cacert', hub.caFile, '-X', 'POST', '-d', 'x=https://evil.example/'],
    ['-s', '--proxy', proxy, `${origin}/`, '--', '--cacert', hub.caFile],
  ])
    t.match(await runMsh(['curl', ...words], env), { code: 0, out: 'for bot:ci' }, words.join(' '))
  t.match(await runMsh(['curl', '-s'], env), { code: 2, err: /URL/ })
  t.match(await runMsh(['curl', 'https://other.example/'], env), { code: 2, err: /not the URL of an app/ })
  await hub.api('POST', '/locks', { target: { user: 'bot:ci' } })
  await t.rejects(git(dir, '-c', 'http.proactiveAuth=basic', 'clone', '-q', url, 'seven'), 'S204')
})
