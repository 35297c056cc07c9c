// needs: PostgreSQL
/** Invitations at two hubs of a cluster: one account for each, and an end that counts at both at once. */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestHub, FakeAuthenticator } from '@mezite/core/testing'
import t from 'tap'
import { createPostgresDatabase } from '../../../core/testing/test-database.ts'
import { type Holder, keysOf, type Said } from './key-hub.ts'

t.setTimeout(120_000)

/** As many as the limit of attempts from one address lets through. */
const ROUNDS = 2
const database = await createPostgresDatabase()
if (database === null) throw new Error('MEZITE_TEST_POSTGRES is not set')
t.teardown(() => database.drop())
const folder = await mkdtemp(join(tmpdir(), 'mezite-invitations-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const [one, two] = [join(folder, 'one'), join(folder, 'two')]
async function start(data_dir: string) {
  const postgres = { driver: 'postgres', url: database!.url }
  const hub = await createTestHub({ config: { cluster_name: 'pair', database: postgres, data_dir } })
  t.teardown(() => hub.stop())
  return keysOf(hub)
}
const first = await start(one)
await mkdir(two, { mode: 0o700 })
await copyFile(join(one, 'encryption-key'), join(two, 'encryption-key'))
const second = await start(two)
type At = typeof first

const { hub } = first
await hub.api('PUT', '/roles/team', {
  ...{ kind: 'role', version: 'v1', metadata: { name: 'team' } },
  spec: { allow: { app_labels: { team: 'team' } } },
})
await hub.api('PUT', '/roles/inviter', {
  ...{ kind: 'role', version: 'v1', metadata: { name: 'inviter' } },
  spec: { allow: { admin: [{ kinds: ['invitation'], verbs: ['create'] }] } },
})

const guest = (at: At, name: string): Holder => ({
  ...{ name, visitor: at.hub.visitor(), key: new FakeAuthenticator(at.origin) },
})
const begin = (at: At, { visitor }: Holder, token: string) =>
  at.post(visitor, '/web/invitation/begin', { token })
const finish = (at: At, { visitor, key }: Holder, token: string, { ceremony, options }: Said) =>
  at.post(visitor, '/web/invitation/finish', { token, name: 'Key', ceremony, response: key.create(options) })
/** An open page at the second hub: who waits, and the way to finish. */
async function open(name: string, token: string) {
  const who = guest(second, name)
  const begun = await begin(second, who, token)
  if (begun.status !== 200) throw new Error(`not begun: ${begun.code}`)
  return () => finish(second, who, token, begun)
}
const invite = async (name: string) => {
  const made = await hub.api<{ id: string; link: string }>('POST', '/invitations', { name, roles: ['team'] })
  return { id: made.id, token: made.link.split('#')[1] ?? '' }
}
const accounts = async (name: string) =>
  (await hub.api<unknown[]>('GET', `/users?name=${encodeURIComponent(name)}`)).length
const REFUSED = { status: 400, code: 'link_refused' }

t.test('used at both hubs at once, a link makes one account with one passkey', async (t) => {
  for (let round = 0; round < ROUNDS; round++) {
    const name = `erin-${round}`
    const { token } = await invite(name)
    const [here, there] = [guest(first, name), guest(second, name)]
    const begun = await Promise.all([begin(first, here, token), begin(second, there, token)])
    const said = await Promise.all([
      finish(first, here, token, begun[0]),
      finish(second, there, token, begun[1]),
    ])
    t.same(said.map(({ status }) => status).sort(), [303, 400])
    t.equal(said.filter(({ code }) => code === 'link_refused').length, 1)
    t.equal(await accounts(name), 1)
    t.equal((await hub.api<unknown[]>('GET', `/users/${name}/mfa`)).length, 1)
    const winner = said[0].status === 303 ? ([first, here] as const) : ([second, there] as const)
    const loser = said[0].status === 303 ? ([second, there] as const) : ([first, here] as const)
    t.equal((await winner[0].signIn(winner[1])).status, 303)
    t.not((await loser[0].signIn(loser[1])).status, 303, 'the passkey of the other is worth nothing')
  }
})

t.test('removed at one hub, a link is refused at the other at once, also on an open page', async (t) => {
  for (let round = 0; round < ROUNDS; round++) {
    const name = `rosa-${round}`
    const { id, token } = await invite(name)
    const onOpenPage = await open(name, token)
    await hub.api('DELETE', `/invitations/${id}`)
    const [again, finished] = await Promise.all([begin(second, guest(second, name), token), onOpenPage()])
    t.match(finished, REFUSED)
    // Looking may lag by the time in which a hub learns of a change; what makes the account may not.
    if (again.status === 200) t.match(await finish(second, guest(second, name), token, again), REFUSED)
    t.equal(await accounts(name), 0)
  }
})

t.test('removed while it is used: the account is there or the link is refused, and never both', async (t) => {
  for (let round = 0; round < ROUNDS; round++) {
    const name = `sam-${round}`
    const { id, token } = await invite(name)
    const use = await open(name, token)
    const [said] = await Promise.all([use(), hub.api('DELETE', `/invitations/${id}`).catch(() => {})])
    t.equal(await accounts(name), said.status === 303 ? 1 : 0, String(said.status))
  }
})

t.test('lost at one hub, the rights of the inviter are missing at the other at once', async (t) => {
  const ways: readonly [string, (name: string) => Promise<unknown>][] = [
    ['role', (name) => hub.api('PATCH', `/users/${name}`, { roles: ['team'] })],
    ['lock', (user) => hub.api('POST', '/locks', { target: { user } })],
    ['account', (name) => hub.api('DELETE', `/users/${name}`)],
  ]
  for (const [way, end] of ways) {
    const inviter = await first.person(`inviter-${way}`, ['inviter'])
    const cookies = inviter.visitor.cookies(new URL(hub.url).host) ?? ''
    const [, session] = /__Host-mezite_session=([\w-]+)/.exec(cookies) ?? []
    const name = `by-${way}`
    const { status, text } = await hub.visitor().fetch(`${hub.url}/v1/webapi/invitations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${session}` },
      body: JSON.stringify({ name, roles: ['team'] }),
    })
    t.equal(status, 201)
    const token = String((JSON.parse(text) as { link: string }).link.split('#')[1])
    const use = await open(name, token)
    await end(inviter.name)
    t.match(await use(), REFUSED, way)
    t.equal(await accounts(name), 0)
  }
})
