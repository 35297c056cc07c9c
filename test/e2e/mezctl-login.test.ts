// long
/** An administrator without the admin socket: mezctl signs in through the browser and works over HTTPS. */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { Visitor } from '../../core/testing/visitor.ts'
import { signIn } from '../../examples/cluster/check/person-steps.ts'
import { people } from '../../examples/cluster/people.ts'
import { runMezctl, startMezctl } from '../oclif-cli/run-program.ts'
import { startTestCluster } from './start-test-cluster.ts'

const homes = mkdtempSync(join(tmpdir(), 'mezite-homes-'))
t.teardown(() => rmSync(homes, { recursive: true, force: true }))
const cluster = await startTestCluster(t)
const [alice, bob] = people
const proxy = new URL(cluster.hubUrl).host
await cluster.mezctl('users', 'create', alice.email, '--roles', 'admin')

const homeOf = ({ id }: { id: string }) => ({ MEZCTL_HOME: join(homes, id) })
const mezctlAs = (person: { id: string }, ...args: string[]) => runMezctl(args, homeOf(person))

/** What a running mezctl says on stderr until a line fits, and its end. */
function listen(child: ChildProcess) {
  let out = ''
  child.stdout?.on('data', (chunk) => {
    out += chunk
  })
  const lines = createInterface({ input: child.stderr! })
  const page = new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      const [url] = /https:\/\/\S+\/web\/cli\S*/.exec(line) ?? []
      if (url) resolve(url)
    })
    lines.on('close', () => reject(new Error('mezctl named no page')))
  })
  page.catch(() => {})
  const ended = new Promise<{ code: number | null; out: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, out })),
  )
  return { page, ended }
}

const login = (person: { id: string }, ...flags: string[]) =>
  startMezctl(['login', '--proxy', proxy, '--ca-file', cluster.caFile, ...flags], {
    ...homeOf(person),
    // Somebody else plays the browser.
    MEZITE_BROWSER: '/bin/true',
  })

const tokenOf = (person: { id: string }): string => {
  const file = join(homes, person.id, 'credentials.json')
  return JSON.parse(readFileSync(file, 'utf8')).profiles[proxy].token
}

t.test('login through the browser names the machine on the page and ends with a click', async (t) => {
  const child = listen(login(alice))
  const visitor = new Visitor(cluster.ca)
  const page = await signIn(visitor, alice, await child.page)
  t.equal(page.status, 200)
  t.match(page.text, 'mezctl')
  const done = await visitor.submit(page, /\/web\/cli/)
  t.match(done.url, /^https:\/\/.*\/web\/cli\/done$/, 'the last page is one of the hub')
  t.match(done.text, 'You are signed in')
  t.equal(done.status, 200)
  const { code, out } = await child.ended
  t.equal(code, 0)
  t.match(out, `as ${alice.email}`)
  t.notMatch(out, tokenOf(alice), 'the credential is not printed')
  t.equal(statSync(join(homes, alice.id, 'credentials.json')).mode & 0o777, 0o600)
})

t.test('an administrator works over HTTPS, under their own name', async (t) => {
  const leaver = 'leaver@example.test'
  await cluster.mezctl('users', 'create', leaver, '--roles', 'admin')
  const [apps, status, lock] = await Promise.all([
    mezctlAs(alice, 'apps', 'ls', '--format', 'json'),
    mezctlAs(alice, 'status', '--format', 'json'),
    mezctlAs(alice, 'locks', 'create', '--user', leaver, '--yes', '--json'),
  ])
  t.strictSame(
    JSON.parse(apps.out).map((app: { metadata: { name: string } }) => app.metadata.name),
    ['identity', 'live', 'redis', 'vault'],
  )
  t.match(JSON.parse(status.out), { cluster: 'demo', apps: 4, agents: 1 })
  t.equal(lock.code, 0, lock.err)
  const trail = JSON.parse(await cluster.mezctl('audit', 'ls', '--type', 'lock.created', '--format', 'json'))
  t.match(trail, [{ user: alice.email, success: true }])
})

t.test('MEZITE_AUTH_TOKEN with MEZITE_PROXY and MEZITE_CA_FILE needs no home', async (t) => {
  const env = { MEZITE_AUTH_TOKEN: tokenOf(alice), MEZITE_PROXY: proxy, MEZITE_CA_FILE: cluster.caFile }
  const [good, wrong, noProxy] = await Promise.all([
    runMezctl(['apps', 'ls'], env),
    runMezctl(['apps', 'ls'], { ...env, MEZITE_AUTH_TOKEN: `x${env.MEZITE_AUTH_TOKEN}` }),
    runMezctl(['apps', 'ls'], { MEZITE_AUTH_TOKEN: env.MEZITE_AUTH_TOKEN }),
  ])
  t.equal(good.code, 0, good.err)
  t.match(good.out, 'identity')
  t.equal(wrong.code, 1)
  t.match(wrong.err, 'MEZITE_AUTH_TOKEN')
  t.notMatch(wrong.err, env.MEZITE_AUTH_TOKEN)
  t.equal(noProxy.code, 2)
})

t.test('--no-browser takes the code from the page, and refuses all but administrators', async (t) => {
  const program = login(bob, '--no-browser')
  const child = listen(program)
  const visitor = new Visitor(cluster.ca)
  const page = await signIn(visitor, bob, await child.page)
  const shown = await visitor.submit(page, /\/web\/cli/)
  const [, code] = /class="code">([\w-]+)</.exec(shown.text) ?? []
  program.stdin?.end(`${code}\n`)
  t.equal((await child.ended).code, 0)

  const [apps, change] = await Promise.all([
    mezctlAs(bob, 'apps', 'ls'),
    mezctlAs(bob, 'users', 'update', bob.email, '--roles', 'admin'),
  ])
  for (const { code, out, err } of [apps, change]) {
    t.equal(code, 1)
    t.equal(out, '')
    t.match(err, /admin/)
  }
  const users = JSON.parse(await cluster.mezctl('users', 'get', bob.email, '--format', 'json'))
  t.notMatch(JSON.stringify(users), '"admin"')
})

t.test('mezctl sends nothing to a hub whose authority it does not trust', async (t) => {
  const { code, err } = await runMezctl(
    ['login', '--proxy', proxy, '--no-browser'],
    homeOf({ id: 'stranger' }),
    'some-code\n',
  )
  t.equal(code, 1)
  t.match(err, /certificate|--ca-file/)
})

t.test('the login loses the rights of a role that is taken away', async (t) => {
  await cluster.mezctl('users', 'create', 'other@example.test', '--roles', 'admin')
  await cluster.mezctl('users', 'update', alice.email, '--roles', 'access')
  const { code, err } = await mezctlAs(alice, 'apps', 'ls')
  t.equal(code, 1, err)
})

t.test('logout ends the credential on the machine and at the hub', async (t) => {
  const token = tokenOf(alice)
  const me = async () =>
    (
      await new Visitor(cluster.ca).fetch(`${cluster.hubUrl}/v1/webapi/me`, {
        headers: { authorization: `Bearer ${token}` },
      })
    ).status
  t.equal(await me(), 200)
  const { code, out } = await mezctlAs(alice, 'logout')
  t.equal(code, 0)
  t.match(out, 'Signed out')
  t.equal(await me(), 401)
  t.equal((await mezctlAs(alice, 'logout')).code, 1, 'there is nobody left to sign out')
})
