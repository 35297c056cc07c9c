// together: plugin-hubs
/** API tokens on a whole hub: what they open, what they never open, and how they end. */
import { spawnSync } from 'node:child_process'
import type { Subject } from '@mezite/core'
import { createTestHub, FakeIssuer, fakeClock } from '@mezite/core/testing'
import fc from 'fast-check'
import t from 'tap'
import { adminsOnly } from '../../../core/gate/access/admin-rights.ts'
import { createApiTokens } from '../../../plugins/api-tokens/api-tokens.ts'
import { anyTables } from '../../any-tables.ts'
import { operator, quiet, startRooms } from '../../gate/sessions/start-rooms.ts'

const MINUTE = 60_000
const clock = fakeClock()
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub({ clock })
t.teardown(() => hub.stop())
await hub.api('PUT', '/connectors/sso', {
  kind: 'oidc',
  version: 'v1',
  metadata: { name: 'sso' },
  spec: issuer.spec,
})

interface Made {
  readonly id: string
  readonly token: string
  readonly expires: string
}
const make = (name: string, more: object = {}) =>
  hub.api<Made>('POST', '/api-tokens', { name, roles: ['admin'], ...more })

/** One call with a bearer token. */
async function call(token: string, method: string, path: string, body?: unknown) {
  const answer = await hub.visitor().fetch(`${hub.url}/v1/webapi${path}`, {
    method,
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const json = answer.text === '' ? {} : JSON.parse(answer.text)
  return { status: answer.status, code: json.code as string | undefined, json, headers: answer.headers }
}
const statusOf = async (token: string) => (await call(token, 'GET', '/status')).status

/** Time passes; afterwards the hub has read its database anew. */
async function later(ms: number) {
  clock.advance(ms)
  await hub.ready()
}

/** The bearer token of a person's own session. */
async function signedIn(sub: string, email: string): Promise<string> {
  issuer.person = { sub, email, email_verified: true }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  return /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '')?.[1] ?? ''
}

t.test('K144 a token works until it is revoked, and its calls are recorded under its name', async (t) => {
  const { id, token, expires } = await make('ci', { ttl_seconds: 3_600 })
  t.match(token, /^mezite_api_[\w-]{43}$/)
  t.equal(Date.parse(expires), clock.now() + 3_600_000)
  t.equal(await statusOf(token), 200)
  t.match((await call(token, 'POST', '/users', { name: 'by-ci', roles: [] })).status, 201)
  t.equal((await call(token, 'GET', '/me')).json.user, 'token:ci')
  await t.rejects(make('ci'), { status: 409, code: 'token_exists' })

  const [listed] = await hub.api<{ name: string; used_at: string }[]>('GET', '/api-tokens')
  t.match(listed, { id, name: 'ci', roles: ['admin'], creator: 'operator@socket', agent_hostname: null })
  t.ok(listed?.used_at, 'its last use is known')
  t.notOk(JSON.stringify(listed).includes(token.slice(11)))

  const follower = await hub.visitor().stream(`${hub.url}/v1/webapi/audit/tail`, {
    headers: { authorization: `Bearer ${token}` },
    timeoutMs: 30_000,
  })
  follower.on('error', () => {})
  follower.resume()
  const over = new Promise<void>((resolve) => follower.on('close', () => resolve()))
  await hub.api('DELETE', `/api-tokens/${id}`)
  t.equal(await statusOf(token), 401, 'on the very next call')
  await over
  t.pass('and whoever follows the audit trail with it is cut off')
  await t.rejects(hub.api('DELETE', `/api-tokens/${id}`), { status: 404, code: 'token_not_found' })

  const events = await hub.api<Record<string, unknown>[]>('GET', '/audit?limit=100')
  const about = (type: string) => events.find((event) => event.type === type)
  t.match(about('token.created'), { name: 'ci', token: id, user: 'operator@socket', success: true })
  t.match(about('token.deleted'), { name: 'ci', token: id })
  t.match(about('user.created'), { user: 'token:ci', name: 'by-ci' })
  t.notOk(JSON.stringify(events).includes(token), 'the secret is in no event')
  t.notOk(hub.log.join('\n').includes(token), 'nor in the log')
  const found = spawnSync('grep', ['-rlaF', '-e', token, '-e', token.slice(11), hub.dataDir])
  t.equal(found.stdout.toString(), '', 'nor in the data directory')
})

t.test('K144 a token expires, and its name is free again', async (t) => {
  const { token } = await make('short', { ttl_seconds: 120 })
  await later(119_000)
  t.equal(await statusOf(token), 200)
  await later(2_000)
  t.equal(await statusOf(token), 401)
  const { expires } = await make('short')
  t.equal(Date.parse(expires), clock.now() + 30 * 24 * 60 * MINUTE, 'a month when nothing is said')
  const wrong = { status: 400 } as Error & { status: number }
  for (const body of [
    ...[{ ttl_seconds: 1 }, { ttl_seconds: 40_000_000 }, { roles: [] }, { roles: ['NO'] }],
    { creator: 'root@example.com' },
  ])
    await t.rejects(make('wrong', body), wrong)
  for (const name of ['Not A Name', 'x'.repeat(64)]) await t.rejects(make(name), wrong)
})

t.test('K144 a token is read from the header only', async (t) => {
  const { token } = await make('header')
  const bare = async (path: string, headers: Record<string, string> = {}) =>
    (await hub.visitor().fetch(`${hub.url}/v1/webapi${path}`, { headers })).status
  t.equal(await bare(`/status?access_token=${token}`), 401)
  t.equal(await bare('/status', { cookie: `__Host-mezite_session=${token}` }), 401)
  t.equal(await bare('/status', { authorization: `Basic ${btoa(`x:${token}`)}` }), 401)
  const app = { kind: 'app', version: 'v1', metadata: { name: 'web' }, spec: { uri: 'http://127.0.0.1:9' } }
  await hub.api('PUT', '/apps/web', app)
  const visit = await hub
    .visitor()
    .fetch(hub.appUrl('web'), { headers: { authorization: `Bearer ${token}` } })
  t.equal(visit.status, 401, 'and it opens no application')
})

t.test('E78 K144 a token never has more roles than its creator', async (t) => {
  await t.rejects(make('more', { roles: ['admin', 'access'] }), { status: 403, code: 'roles_exceed_own' })
  const { token: own } = await make('maker')
  t.match(await call(own, 'POST', '/api-tokens', { name: 'child', roles: ['admin'] }), {
    status: 403,
    code: 'token_makes_no_token',
  })

  await hub.api('POST', '/users', { name: 'root@example.com', roles: ['admin', 'platform'] })
  await hub.api('POST', '/users', { name: 'other@example.com', roles: ['admin'] })
  const root = await signedIn('root-1', 'root@example.com')
  const asked = { name: 'deploy', roles: ['admin', 'platform'] }
  const { status, json } = await call(root, 'POST', '/api-tokens', asked)
  t.equal(status, 201)
  const { id, token } = json as Made
  t.same((await call(token, 'GET', '/me')).json.roles, ['admin', 'platform'])
  await hub.api('PATCH', '/users/root@example.com', { roles: ['admin'] })
  t.same((await call(token, 'GET', '/me')).json.roles, ['admin'])
  t.equal(await statusOf(token), 200)

  for (const target of [{ user: 'root@example.com' }, { user: 'token:deploy' }, { role: 'admin' }]) {
    const lock = await hub.api<{ id: string }>('POST', '/locks', { target })
    t.equal(await statusOf(token), 403, `locked: ${Object.values(target)}`)
    await hub.api('DELETE', `/locks/${lock.id}`)
    t.equal(await statusOf(token), 200)
  }
  t.match(await call(token, 'POST', '/locks', { target: { user: 'token:deploy' } }), { code: 'self_lockout' })
  for (const end of ['POST /users/root@example.com/relink', 'DELETE /users/root@example.com']) {
    const [method = '', path = ''] = end.split(' ')
    const root = await signedIn('root-1', 'root@example.com')
    const { json } = await call(root, 'POST', '/api-tokens', {
      name: `before-${method.toLowerCase()}`,
      roles: ['admin'],
    })
    t.equal(await statusOf((json as Made).token), 200)
    await hub.api(method, path)
    t.equal(await statusOf((json as Made).token), 401, 'a token ends with its maker')
    await hub.api('POST', '/users', { name: 'Root@example.com', roles: ['admin'] }).catch(() => {})
    t.equal(await statusOf((json as Made).token), 401, 'and is not that of whoever gets the name next')
  }
  t.equal(await statusOf(token), 401)
  await t.rejects(hub.api('DELETE', `/api-tokens/${id}`), { code: 'token_not_found' })
  const events = await hub.api<Record<string, unknown>[]>('GET', '/audit?type=token.deleted&limit=100')
  t.match(
    events.find((event) => event.token === id),
    { name: 'deploy', user: 'operator@socket' },
  )
})

t.test(
  'E78 a token is invalid for the next holder of its creator’s name, whatever else went wrong',
  async (t) => {
    const rooms = await startRooms()
    t.teardown(() => rooms.stop())
    const { db, revisions, users } = rooms
    const tokens = createApiTokens({ ...rooms, adminRights: adminsOnly, log: quiet })
    rooms.releases.push(({ trx, change, key, by }) => tokens.revokeOf(trx, change, key, by))
    const taken = { name: 'kim', issuer: 'https://idp', connector: 'sso', mappedRoles: ['admin'] }
    const who = { subject: operator, clientIp: '', id: 'request-1' }
    await users.create('root', ['admin'], who)
    await users.signIn({ ...taken, sub: '1' })
    const kim = { user: 'kim', roles: ['admin'], kind: 'session', sessionId: 's', satisfied: [] } as const
    const create = async (name: string, subject: Subject = kim) => {
      const { row, more } = await tokens.collection.create({ name, roles: ['admin'] }, { ...who, subject })
      return { token: row, secret: (more as { token: string }).token }
    }
    const { secret } = await create('ci')
    const { secret: operators } = await create('operators', operator)
    const older = await create('older')
    const rolesOf = (secret: string) => tokens.identify(secret)?.roles
    t.same(rolesOf(secret), ['admin'])

    // As if the tokens had not ended with the name.
    await revisions.write(async (trx, change) => {
      await anyTables(trx).updateTable('users').set({ sub: '2' }).where('key', '=', 'kim').execute()
      await anyTables(trx)
        .updateTable('api_tokens')
        .set({ holder: null })
        .where('name', '=', 'older')
        .execute()
      change.touch('user', 'kim')
      change.touch('api-token', older.token.id)
    })
    t.same(users.rolesOf('kim'), ['admin'])
    t.equal(rolesOf(secret), undefined)
    t.same(rolesOf(operators), ['admin'])
    t.same(rolesOf(older.secret), ['admin'], 'one that was made by a version before goes on')

    const removal = users.remove('kim', who)
    await t.rejects(create('late'), { status: 401, code: 'login_required' })
    await removal
    const left = await anyTables(db).selectFrom('api_tokens').select('name').execute()
    t.same(left, [{ name: 'operators' }])
  },
)

t.test('nobody can take the names that the audit trail gives the operator and tokens', async (t) => {
  for (const name of ['operator@socket', 'Operator@Socket', 'token:ci', 'TOKEN:x'])
    await t.rejects(hub.api('POST', '/users', { name, roles: [] }), { code: 'user_name_invalid' }, name)
})

t.test('K143 guesses are limited, and all invalid tokens get the same response', async (t) => {
  const expired = await make('expired', { ttl_seconds: 60 })
  const revoked = await make('revoked')
  await hub.api('DELETE', `/api-tokens/${revoked.id}`)
  await later(2 * MINUTE)
  const fine = await make('fine')
  const unknown = `mezite_api_${'x'.repeat(43)}`
  const heard = new Set<string>()
  for (const token of [expired.token, revoked.token, unknown, 'mezite_api_short', 'y'.repeat(43)]) {
    const { status, json, headers } = await call(token, 'GET', '/status')
    const { request_id: _, ...said } = json
    heard.add(JSON.stringify([status, said, headers['www-authenticate']]))
  }
  t.equal(heard.size, 1, [...heard].join('\n'))

  let last = 0
  for (let tries = 0; tries < 400 && last !== 429; tries++) last = await statusOf(unknown)
  t.equal(last, 429)
  const { status, headers } = await call(fine.token, 'GET', '/status')
  t.equal(status, 429, 'from this address not even the right one is tried')
  t.ok(headers['retry-after'])
  await later(2 * MINUTE)
  t.equal(await statusOf(fine.token), 200)
})

t.test('K149 hostile names and filters are text: nothing fails, nothing is changed', async (t) => {
  const routes = ['/users', '/roles', '/apps', '/connectors', '/agents', '/locks', '/sessions', '/tokens']
  const state = async () => {
    const lists = await Promise.all([...routes, '/api-tokens'].map((path) => hub.api<object[]>('GET', path)))
    return lists.map((list) => list.length)
  }
  const before = await state()
  const quoted = fc
    .tuple(
      fc.constantFrom("'", '"', '\\', "' OR '1'='1", "'; DROP TABLE users; --", '%', '_', '\0', '$1'),
      fc.string(),
    )
    .map(([sql, more]) => sql + more)
  const statuses = new Set<number>()
  await fc.assert(
    fc.asyncProperty(quoted, async (text) => {
      const name = encodeURIComponent(text.toWellFormed())
      const asked: [string, string][] = [
        ...[...routes, '/api-tokens'].map((path): [string, string] => ['DELETE', `${path}/${name}`]),
        ['GET', `/users/${name}`],
        ['GET', `/sessions?user=${name}&app=${name}`],
        ['GET', `/audit?user=${name}&type=${name}&app=${name}`],
      ]
      const bodies: [string, string, object][] = [
        ['POST', '/users', { name: `,${text}`, roles: [] }],
        ['PATCH', `/users/${name}`, { roles: [] }],
        ['POST', '/api-tokens', { name: `A${text}`, roles: ['admin'] }],
        ['POST', '/locks', { target: { user: text, role: text } }],
        ['POST', '/locks', { target: { app: `\0${text}` } }],
      ]
      for (const [method, path, body] of [...asked, ...bodies]) {
        const status = await hub.api(method, path, body).then(
          () => 200,
          (error: { status?: number }) => error.status ?? 0,
        )
        statuses.add(status)
        if (![200, 400, 404].includes(status)) throw new Error(`${method} ${path}: ${status}`)
      }
    }),
    { numRuns: 25 },
  )
  t.ok(statuses.has(404))
  t.same(await state(), before)
})
