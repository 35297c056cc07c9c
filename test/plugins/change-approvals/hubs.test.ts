// together: plugin-hubs
/** Changes that wait: over a restart, at two hubs on one database, and in a terminal. */
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { createPostgresDatabase } from '../../../core/testing/test-database.ts'
import { runMezctl, startMezctl } from '../../oclif-cli/run-program.ts'
import { until } from '../../until.ts'
import { role, startApprovalHub } from './start-approval-hub.ts'

t.setTimeout(120_000)

const RULES = { require_approval: ['role.update', 'api-token.create'] }
const folder = await mkdtemp(join(tmpdir(), 'mezite-approvals-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())

t.test('a change that waits is there after a restart, and one that ran is not made again', async (t) => {
  const config = { database: { driver: 'embedded' }, data_dir: join(folder, 'restarted') }
  const first = await startApprovalHub(RULES, { config }, issuer)
  await first.connect()
  const ann = await first.signIn('ann', ['admin'])
  const bob = await first.signIn('bob', ['admin'])
  const asked = await first.call(ann, 'PUT', '/roles/team', role('team', []))
  const made = await first.call(ann, 'PUT', '/roles/made', role('made', []))
  t.match(await first.approve(bob, made.change), { status: 200 })
  await first.stop()
  const second = await startApprovalHub(RULES, { config }, issuer)
  t.teardown(() => second.stop())
  t.match(await second.approve(bob, made.change), { status: 409, code: 'change_not_open' })
  t.match(await second.approve(bob, asked.change), { status: 200, value: { state: 'done' } })
  t.equal((await second.call(ann, 'GET', '/roles/team')).status, 200)
})

t.test('a hub does not start with a rule that no change needs', async (t) => {
  await t.rejects(startApprovalHub({ require_approval: ['roles.update'] }, {}, issuer), /roles\.update/)
  await t.rejects(startApprovalHub({ require_approval: ['role.read'] }, {}, issuer), /require_approval/)
})

t.test('two hubs make a change once, and know of each other', async (t) => {
  const database = await createPostgresDatabase()
  if (database === null) return t.pass('needs PostgreSQL')
  t.teardown(() => database.drop())
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  const settings = (data_dir: string) => ({
    config: { cluster_name: 'pair', database: { driver: 'postgres', url: database.url }, data_dir },
  })
  const first = await startApprovalHub(RULES, settings(one), issuer)
  t.teardown(() => first.stop())
  await mkdir(two, { mode: 0o700 })
  await copyFile(join(one, 'encryption-key'), join(two, 'encryption-key'))
  const second = await startApprovalHub(RULES, settings(two), issuer)
  t.teardown(() => second.stop())
  await first.connect()
  const ann = await first.signIn('ann', ['admin'])
  const bob = await first.signIn('bob', ['admin'])
  const eve = await first.signIn('eve', ['admin'])
  const { change } = await first.call(ann, 'POST', '/api-tokens', { name: 'once', roles: ['admin'] })
  await until(async () => (await second.call(bob, 'GET', `/changes/${change}`)).status === 200, 'it is known')
  const answers = await Promise.all([first.approve(bob, change), second.approve(eve, change)])
  t.same(answers.map(({ status }) => status).sort(), [200, 409])
  const made = (await first.events('token.created')).filter(({ name }) => name === 'once')
  t.equal(made.length, 1)
  const { change: other } = await second.call(ann, 'PUT', '/roles/two', role('two', []))
  await first.hub.api('PUT', '/roles/two', role('two', [], { app_labels: { a: 'b' } }))
  t.match(await second.approve(bob, other), { status: 409, code: 'change_outdated' })
})

t.test('an invitation needs approval if a new user needs it', async (t) => {
  const at = await startApprovalHub({ require_approval: ['user.create'] }, {}, issuer)
  t.teardown(() => at.stop())
  await at.connect()
  const [ann, bob] = [await at.signIn('ann', ['admin']), await at.signIn('bob', ['admin'])]
  const body = { name: 'erin', roles: ['admin'] }
  const asked = await at.call(ann, 'POST', '/invitations', body)
  t.match(asked, { status: 409, code: 'approval_required' })
  t.same(await at.hub.api('GET', '/invitations'), [])
  t.match(await at.approve(bob, asked.change), { status: 200, value: { state: 'done' } })
  t.match(await at.hub.api('GET', '/invitations'), [
    { name: 'erin', inviter: 'ann@example.com', state: 'open' },
  ])
  t.match(await at.call(ann, 'POST', `/changes/${asked.change}/answer`), { value: { link: /#[\w-]{43}$/ } })
})

t.test('mezctl says that a change waits, shows it, and approves it', async (t) => {
  const at = await startApprovalHub(RULES, {}, issuer)
  t.teardown(() => at.stop())
  await at.connect()
  const login = async (name: string) => {
    await at.hub.api('POST', '/users', { name: `${name}@example.com`, roles: ['admin'] })
    const env = { MEZCTL_HOME: join(folder, `mezctl-${name}`), MEZITE_BROWSER: '/bin/true' }
    const child = startMezctl(['login', '--proxy', new URL(at.hub.url).host, '--ca-file', at.hub.caFile], env)
    const ended = once(child, 'close')
    let text = ''
    child.stderr?.on('data', (chunk) => {
      text += String(chunk)
    })
    const page = /(https:\S+\/web\/cli\S*)\s/
    await until(() => page.test(text), 'mezctl names its page')
    const email = `${name}@example.com`
    issuer.person = { sub: name, upn: email, email, email_verified: true }
    const visitor = at.hub.visitor()
    await visitor.submit(await visitor.open(page.exec(text)![1]!), /\/web\/cli/)
    await ended
    return env
  }
  const ann = await login('ann')
  const bob = await login('bob')
  const file = join(folder, 'roles.json')
  await writeFile(file, JSON.stringify(role('team', [], { app_labels: { team: 'a' } })))
  const asked = await runMezctl(['roles', 'create', '--from-file', file], ann)
  t.equal(asked.code, 1, 'nothing was changed')
  const [, id = ''] =
    /waits for the approval of another person, as change ([0-9a-f-]{36})/.exec(asked.err) ?? []
  t.not(id, '', asked.err)
  t.match((await runMezctl(['changes', 'ls'], bob)).out, /pending +role\.update team +ann@example\.com/)
  t.match((await runMezctl(['changes', 'get', id], bob)).out, /spec\.allow\.app_labels\.team/)
  t.match((await runMezctl(['changes', 'approve', id], ann)).err, /change_is_own/)
  t.match((await runMezctl(['changes', 'approve', id], bob)).out, /Approved and made: role\.update team/)
  t.match((await runMezctl(['roles', 'get', 'team'], ann)).out, /team: a/)
  const other = await runMezctl(['roles', 'create', '--from-file', file], ann)
  const [, again = ''] = /as change ([0-9a-f-]{36})/.exec(other.err) ?? []
  t.match(
    (await runMezctl(['changes', 'break-glass', again, '--yes', '--reason', 'x'], ann)).err,
    /not_for_break_glass/,
  )
  t.match(
    (await runMezctl(['changes', 'deny', again, '--reason', 'no need'], bob)).out,
    /Denied: role\.update team/,
  )
})
