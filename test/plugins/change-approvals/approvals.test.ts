// together: hubs
/** Changes that wait for a second person: every way to them, who approves, and what stops them. */
import { fakeClock } from '@mezite/core/testing'
import t from 'tap'
import { app, role, startApprovalHub } from './start-approval-hub.ts'

t.setTimeout(120_000)

const clock = fakeClock()
const at = await startApprovalHub(
  {
    require_approval: [
      ...[
        'role.*',
        'connector.*',
        'lock.delete',
        'app.update',
        'app.enable',
        'app.create',
        'api-token.create',
      ],
      'session.end',
    ],
    break_glass: ['glass'],
    pending_for: '1h',
  },
  { clock },
)
t.teardown(() => at.stop())
const { hub, call, approve, events } = at
await at.connect()
const document = role('team', [], { app_labels: { team: 'a' } })
await hub.api('PUT', '/roles/team', document)
await hub.api('PUT', '/roles/glass', role('glass', []))
const all = (...kinds: string[]) => ({ kinds, verbs: ['*'] })
await hub.api('PUT', '/roles/keeper', role('keeper', [all('role')]))
await hub.api('PUT', '/apps/grafana', app('grafana', { team: 'b' }))
const ann = await at.signIn('ann', ['admin'])
const bob = await at.signIn('bob', ['admin', 'glass'])
const eve = await at.signIn('eve', ['auditor'])
const kim = await at.signIn('kim', ['keeper'])
const wider = role('team', [], { app_labels: { team: ['a', 'b'] } })

/** Asks for a change that waits, and returns its id. */
async function ask(token: string, method: string, path: string, body?: object): Promise<string> {
  const answer = await call(token, method, path, body)
  if (answer.code !== 'approval_required')
    throw new Error(`${method} ${path}: ${JSON.stringify(answer.value)}`)
  return answer.change
}

t.test('a chosen change waits, says so, and is made once another person approves it', async (t) => {
  const asked = await call(ann, 'PUT', '/roles/team', wider)
  t.match(asked, { status: 409, code: 'approval_required', change: /^[0-9a-f-]{36}$/ })
  t.match(asked.detail, /Nothing was changed.*mezctl changes get/)
  const before = (await call(ann, 'GET', '/roles/team')).value
  t.same(before.spec.allow.app_labels, { team: 'a' })
  const shown = (await call(bob, 'GET', `/changes/${asked.change}`)).value
  t.match(shown, { state: 'pending', user: 'ann@example.com', right: 'role.update', current: true })
  t.match(shown.difference, [
    { path: 'spec.allow.app_labels.team', before: '"a"', after: null },
    { path: 'spec.allow.app_labels.team[0]', before: null, after: '"a"' },
    { path: 'spec.allow.app_labels.team[1]', before: null, after: '"b"' },
  ])
  t.ok(Array.isArray(shown.effect.groups), 'who gains and who loses')
  t.match(await approve(bob, asked.change), { status: 200, value: { state: 'done' } })
  t.same((await call(ann, 'GET', '/roles/team')).value.spec.allow.app_labels, { team: ['a', 'b'] })
  t.match(await approve(bob, asked.change), { status: 409, code: 'change_not_open' })
  const [made] = (await events('role.updated')).filter(({ user }) => user === 'ann@example.com')
  t.match(made, {
    right: 'role.update',
    right_role: 'admin',
    approved_by: 'bob@example.com',
    user: 'ann@example.com',
  })
  t.match((await events('change.requested'))[0], { change: asked.change, asked_by: 'ann@example.com' })
  t.match((await events('change.approved'))[0], { change: asked.change, user: 'bob@example.com' })
  t.match((await events('change.done'))[0], { change: asked.change })
  t.ok(await at.notified((one) => one.title === 'ann@example.com asks for approval: role.update team'))
})

t.test('the same change asked for again is the same request', async (t) => {
  const change = role('again', [])
  const id = await ask(ann, 'PUT', '/roles/again', change)
  t.equal(await ask(ann, 'PUT', '/roles/again', change), id)
  t.not(await ask(bob, 'PUT', '/roles/again', change), id, 'of somebody else, it is another one')
  await call(ann, 'POST', `/changes/${id}/cancel`)
  t.match(await approve(bob, id), { status: 409, code: 'change_not_open' })
})

t.test('every way to a chosen change waits', async (t) => {
  const { id: lock } = await hub.api<{ id: string }>('POST', '/locks', {
    target: { user: 'nobody@example.com' },
  })
  const ways: readonly (readonly [string, string, object?])[] = [
    ['PUT', '/roles/new', role('new', [])],
    ['DELETE', '/roles/glass'],
    ['PUT', '/apps/grafana', app('grafana', { team: 'c' })],
    ['POST', '/apps', app('other')],
    ['POST', '/apps/grafana/disable'],
    ['PUT', '/apps/grafana/agents/agent-2'],
    ['DELETE', `/locks/${lock}`],
    ['DELETE', '/sessions?user=nobody@example.com'],
    ['DELETE', '/connectors/sso'],
    ['POST', '/api-tokens', { name: 'ci', roles: ['auditor'] }],
  ]
  for (const [method, path, body] of ways) {
    const answer = await call(ann, method, path, body)
    t.match(answer, { status: 409, code: 'approval_required' }, `${method} ${path}`)
    // A trailing slash or another spelling of the name is the same route.
  }
  t.match(await call(ann, 'POST', '/apps/', app('other')), { code: 'approval_required' })
  t.match(await call(ann, 'PUT', '/roles/t%65am', wider), { code: 'approval_required' })
  const list = (await call(bob, 'GET', '/changes?limit=100')).value as {
    id: string
    method: string
    path: string
  }[]
  const { id } = list.find(({ path }) => path.endsWith('/disable'))!
  t.match(await approve(bob, id), { status: 200 })
  t.equal((await call(ann, 'GET', '/apps/grafana')).value.spec.enabled, false)
  const removal = list.find(({ path }) => path.endsWith(`/locks/${lock}`))!
  t.match((await call(bob, 'GET', `/changes/${removal.id}`)).value.difference, [{ after: null }])
  t.match(await approve(bob, removal.id), { status: 200 })
  t.notOk((await hub.api<{ id: string }[]>('GET', '/locks')).some((one) => one.id === lock))
  t.match(await call(ann, 'GET', '/apps/grafana'), { status: 200 }, 'reading never waits')
  t.match(
    await call(ann, 'POST', '/locks', { target: { user: 'n@example.com' } }),
    { status: 201 },
    'others do not',
  )
})

t.test('nobody approves an own change, and nobody without the right', async (t) => {
  const id = await ask(ann, 'PUT', '/roles/team', role('team', []))
  t.match(await approve(ann, id), { status: 403, code: 'change_is_own' })
  t.match(await approve(eve, id), { status: 403, code: 'access_denied' })
  const twin = await at.signIn('twin', ['admin'])
  t.match(await approve(kim, id), { status: 200 }, 'the right for roles is enough for a role')
  const bigger = await ask(bob, 'PUT', '/roles/new', role('new', [all('app')]))
  t.match(
    await approve(kim, bigger),
    { status: 403, code: 'roles_exceed_own' },
    'nobody approves more than they have',
  )
  t.match((await call(bob, 'GET', `/changes/${bigger}`)).value.state, 'failed')
  const connector = await ask(ann, 'DELETE', '/connectors/sso')
  t.match(await approve(kim, connector), { status: 404, code: 'change_not_found' })
  t.match(await call(kim, 'GET', `/changes/${connector}`), { status: 404 })
  t.match(await call(ann, 'POST', `/changes/${connector}/deny`, {}), { code: 'change_is_own' })
  t.match(await call(twin, 'POST', `/changes/${connector}/deny`, { reason: 'no' }), { status: 200 })
  t.match(await call(bob, 'GET', `/changes/${connector}`), {
    value: { state: 'denied', reason: 'no', decided_by: 'twin@example.com', difference: [] },
  })
  t.match((await approve(bob, connector)).code, 'change_not_open')
  t.match(await call(bob, 'POST', `/changes/${id}/cancel`), { status: 403 })
})

t.test('a program cannot ask, nor approve', async (t) => {
  const id = await ask(ann, 'POST', '/api-tokens', { name: 'robot', roles: ['admin'] })
  t.match(await approve(bob, id), { status: 200, value: { has_answer: true } })
  t.match(await call(bob, 'POST', `/changes/${id}/answer`), { status: 404 }, 'the secret is for who asked')
  const { token } = (await call(ann, 'POST', `/changes/${id}/answer`)).value
  t.match(token, /^mezite_api_/)
  t.match(await call(ann, 'POST', `/changes/${id}/answer`), { status: 404 }, 'once')
  t.match(await call(token, 'PUT', '/roles/team', wider), { status: 403, code: 'approval_needs_person' })
  const mine = await ask(bob, 'PUT', '/roles/team', wider)
  t.match(await approve(token, mine), { status: 403, code: 'approval_needs_person' })
  await call(bob, 'POST', `/changes/${mine}/cancel`)
})

t.test('a second account with the same address is the same person', async (t) => {
  const amy = await at.signIn('amy.admin', ['admin'], 'amy@example.org')
  const other = await at.signIn('amy', ['admin'], 'AMY@example.org')
  const id = await ask(amy, 'PUT', '/roles/team', wider)
  t.match(await approve(other, id), { status: 403, code: 'change_is_own' })
  t.match(await call(other, 'POST', `/changes/${id}/deny`, {}), { status: 403, code: 'change_is_own' })
  t.match(await call(amy, 'POST', `/changes/${id}/cancel`), { status: 200, value: { state: 'cancelled' } })
})

t.test('people with a right for some labels ask and approve for their things only', async (t) => {
  const owners = { kinds: ['app'], verbs: ['*'], where: { labels: { team: 'shop' } } }
  await hub.api('PUT', '/roles/shop', role('shop', [owners]))
  await hub.api('PUT', '/apps/shop', app('shop', { team: 'shop' }))
  const [una, ulf] = [await at.signIn('una', ['shop']), await at.signIn('ulf', ['shop'])]
  const id = await ask(una, 'PUT', '/apps/shop', app('shop', { team: 'shop', more: 'yes' }))
  t.match(await approve(ulf, id), { status: 200, value: { state: 'done' } })
  const foreign = await ask(ann, 'POST', '/apps/grafana/enable')
  t.match(await approve(ulf, foreign), { status: 404, code: 'change_not_found' })
  const away = await ask(ann, 'PUT', '/apps/shop', app('shop', { team: 'other' }))
  t.match(await approve(ulf, away), { status: 403, code: 'access_denied' }, 'not out of their labels')
  t.match((await call(ann, 'GET', '/apps/shop')).value.metadata.labels, { team: 'shop' })
  const own = await ask(una, 'PUT', '/apps/shop', app('shop', { team: 'shop' }, 'http://127.0.0.1:11'))
  const seen = async (token: string) => (await call(token, 'GET', `/changes/${own}`)).value
  t.match((await seen(una)).difference.at(-1), { path: 'spec.uri', after: '"http://127.0.0.1:11"' })
  const pageOf = async (token: string) => {
    const { status, value } = await call(token, 'GET', '/dashboard/own-pages/changes')
    t.equal(status, 200)
    return JSON.stringify(value)
  }
  t.match(await pageOf(una), `/v1/webapi/changes/${own}/cancel`)
  t.match(await pageOf(ulf), `/v1/webapi/changes/${own}/approve`)
  for (const token of [una, ulf]) t.notMatch(await pageOf(token), foreign, 'what is not of their labels')
  await hub.api('PUT', '/apps/shop', app('shop', { team: 'other' }, 'http://127.0.0.1:12'))
  t.equal((await call(una, 'GET', '/apps/shop')).status, 404)
  const gone = await seen(una)
  t.match(gone, { state: 'pending', current: false, effect: null })
  t.same(gone.difference, [], 'what was taken out of their labels is not shown to them here either')
  for (const token of [una, ulf]) {
    t.notMatch(await pageOf(token), '127.0.0.1:12', 'nor on the page')
    t.notMatch(await pageOf(token), `${own}/approve`)
  }
  await hub.api('PATCH', '/users/ulf%40example.com', { roles: ['access'] })
  t.match(
    await call(ulf, 'GET', '/dashboard/own-pages/changes'),
    { status: 404 },
    'without the right, no page',
  )
  t.match((await seen(ann)).difference.at(-1), { before: '"http://127.0.0.1:12"' })
  t.equal((await call(una, 'POST', `/changes/${own}/cancel`)).status, 200)
  await call(ann, 'POST', `/changes/${foreign}/cancel`)
})

t.test(
  'neither person gives a right that they lack by a label, and approval does not change that',
  async (t) => {
    const boss = { kinds: ['app'], verbs: ['delete'], where: { labels: { boss: '{{user.name}}' } } }
    await hub.api('PUT', '/roles/boss', role('boss', [boss]))
    await hub.api(
      'PUT',
      '/roles/writer',
      role('writer', [{ kinds: ['app'], verbs: ['list', 'read', 'update'] }]),
    )
    const [wanda, will] = [await at.signIn('wanda', ['writer', 'boss']), await at.signIn('will', ['writer'])]
    await hub.api('PUT', '/apps/labelled', app('labelled', {}))
    const labels = async () => (await call(ann, 'GET', '/apps/labelled')).value.metadata.labels ?? {}
    const asked = (by: string) =>
      ask(by, 'PUT', '/apps/labelled', app('labelled', { boss: 'wanda@example.com' }))
    const refused = { status: 403, code: 'roles_exceed_own' }
    t.match(await approve(bob, await asked(wanda)), refused, 'not by the person who asked')
    t.same(await labels(), {})
    t.match(await approve(will, await asked(ann)), refused, 'nor by the one who approves')
    t.same(await labels(), {})
    t.match(await approve(bob, await asked(ann)), { status: 200, value: { state: 'done' } })
    t.same(await labels(), { boss: 'wanda@example.com' })
    t.match(await call(wanda, 'DELETE', '/apps/labelled'), { status: 200 }, 'app.delete does not wait here')
  },
)

t.test('headers of the hub itself mean nothing from outside', async (t) => {
  for (const value of ['', 'x', 'undefined', 'null'])
    t.match(await call(ann, 'PUT', '/roles/team', wider, { 'x-mezite-made': value }), {
      code: 'approval_required',
    })
  t.match(await call(eve, 'PUT', '/roles/team', wider, { 'x-mezite-made': 'x' }), {
    status: 403,
    code: 'access_denied',
  })
})

t.test('two people who approve at once make the change once', async (t) => {
  const eva = await at.signIn('eva', ['admin'])
  const id = await ask(ann, 'POST', '/api-tokens', { name: 'twice', roles: ['admin'] })
  const answers = await Promise.all([approve(bob, id), approve(eva, id), approve(bob, id)])
  t.same(answers.map(({ status }) => status).sort(), [200, 409, 409])
  t.equal((await events('token.created')).filter(({ name }) => name === 'twice').length, 1)
})

t.test('a change is refused if its thing was changed meanwhile', async (t) => {
  const id = await ask(ann, 'PUT', '/roles/team', role('team', [], { app_labels: { team: 'x' } }))
  await hub.api('PUT', '/roles/team', role('team', [], { app_labels: { team: 'z' } }))
  const shown = (await call(bob, 'GET', `/changes/${id}`)).value
  t.match(shown, { current: false, difference: [{ before: '"z"', after: '"x"' }] }, 'the new difference')
  t.match(await approve(bob, id), { status: 409, code: 'change_outdated' })
  t.match((await approve(bob, id)).code, 'change_not_open')
  t.same((await call(ann, 'GET', '/roles/team')).value.spec.allow.app_labels, { team: 'z' })
  const fresh = await ask(ann, 'PUT', '/roles/born', role('born', []))
  await hub.api('PUT', '/roles/born', role('born', [], { app_labels: { a: 'b' } }))
  t.match(await approve(bob, fresh), { code: 'change_outdated' }, 'what did not exist exists now')
})

t.test('lost rights and locks of either person stop a change', async (t) => {
  const joe = await at.signIn('joe', ['admin'])
  const sue = await at.signIn('sue', ['admin'])
  const user = (name: string) => `/users/${name}%40example.com`
  const id = await ask(joe, 'PUT', '/roles/team', wider)
  await hub.api('PATCH', user('joe'), { roles: ['auditor'] })
  t.match(await approve(sue, id), { status: 403, code: 'access_denied' })
  await hub.api('PATCH', user('joe'), { roles: ['admin'] })
  const lock = (name: string) =>
    hub.api<{ id: string }>('POST', '/locks', { target: { user: `${name}@example.com` } })
  const one = await lock('joe')
  t.match(await approve(sue, id), { status: 403, code: 'requester_lost_right' })
  await hub.api('DELETE', `/locks/${one.id}`)
  const other = await lock('sue')
  t.equal((await approve(sue, id)).status, 404, 'who is locked decides nothing')
  await hub.api('DELETE', `/locks/${other.id}`)
  await hub.api('DELETE', user('joe'))
  t.match(await approve(sue, id), { status: 403, code: 'requester_lost_right' })
  await at.signIn('joe', ['admin'])
  t.equal((await call(sue, 'GET', `/changes/${id}`)).value.state, 'pending')
  t.same(
    (await call(ann, 'GET', '/roles/team')).value.spec.allow.app_labels,
    { team: 'z' },
    'nothing was made',
  )
  await call(sue, 'POST', `/changes/${id}/deny`, {})
})

t.test('break-glass makes a change at once for roles that may, and alarms', async (t) => {
  const own = await ask(ann, 'PUT', '/roles/quick', role('quick', []))
  const force = (token: string, id: string, body: object = { reason: 'INC-1' }) =>
    call(token, 'POST', `/changes/${id}/force`, body)
  t.match(await force(ann, own), { status: 403, code: 'not_for_break_glass' })
  t.match(await force(bob, own), { status: 403, code: 'access_denied' }, 'only who asked')
  const id = await ask(bob, 'PUT', '/roles/quick', role('quick', []))
  t.equal((await force(bob, id, {})).status, 400, 'with a reason')
  t.equal((await force(bob, id, { reason: '  ' })).status, 400)
  t.match(await force(bob, id), { status: 200, value: { state: 'done', reason: 'INC-1' } })
  t.equal((await call(ann, 'GET', '/roles/quick')).status, 200)
  t.match(
    (await events('change.forced')).find(({ change }) => change === id),
    { user: 'bob@example.com', cause: 'INC-1' },
  )
  t.ok(
    await at.notified(
      ({ title, text, severity }) =>
        title === 'bob@example.com made a change without approval: role.update quick' &&
        severity === 'critical' &&
        text?.includes('INC-1') === true,
    ),
  )
})

t.test('the operator on the socket changes at once, and people learn of it', async (t) => {
  await hub.api('PUT', '/roles/by-operator', role('by-operator', []))
  t.equal((await call(ann, 'GET', '/roles/by-operator')).status, 200)
  t.ok(
    (await events('change.forced')).some(
      ({ user, right, path }) =>
        user === 'operator@socket' && right === 'role.update' && path === '/v1/webapi/roles/by-operator',
    ),
  )
  t.ok(
    await at.notified(
      ({ title }) => title === 'operator@socket made a change without approval: role.update by-operator',
    ),
  )
})

t.test('a change is denied by the form of its page, with and without a reason', async (t) => {
  for (const reason of ['', 'not now']) {
    const id = await ask(ann, 'PUT', '/roles/denied', role('denied', []))
    const { value } = await call(bob, 'GET', '/dashboard/pages/changes')
    const form = value.blocks.find(({ path }: { path?: string }) => path?.endsWith(`${id}/deny`))
    const fields = form.fields as { name: string; value: string }[]
    const sent = Object.fromEntries(fields.map(({ name, value }) => [name, value]))
    t.strictSame(sent, { reason: '' }, 'what the form sends as it is')
    t.match(await call(bob, form.method, form.path.replace('/v1/webapi', ''), { ...sent, reason }), {
      status: 200,
      value: { state: 'denied', reason: reason || null },
    })
  }
})

t.test('secrets of a change that waits are shown nowhere', async (t) => {
  const secret = 'very-secret-value-1'
  const spec = { ...at.issuer.spec, client_secret: { value: secret } }
  const id = await ask(ann, 'PUT', '/connectors/two', {
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'two' },
    spec,
  })
  const shown = await call(bob, 'GET', `/changes/${id}`)
  t.match(
    shown.value.difference.find(({ path }: { path: string }) => path.includes('client_secret')),
    { after: '(not shown)' },
  )
  const page = await call(bob, 'GET', '/dashboard/pages/changes')
  t.equal(page.status, 200)
  const everything = [shown.value, page.value, await hub.api('GET', '/audit?limit=1000'), at.sent, hub.log]
  t.notOk(JSON.stringify(everything).includes(secret))
  const huge = await call(
    ann,
    'PUT',
    '/roles/huge',
    role('huge', [], { app_labels: { a: 'x'.repeat(300_000) } }),
  )
  t.match(huge, { status: 413, code: 'change_too_large' })
})

t.test('somebody has a bounded number of changes that wait', async (t) => {
  const max = await at.signIn('max', ['admin'])
  const codes = []
  for (let n = 0; n < 52; n++)
    codes.push((await call(max, 'PUT', `/roles/many-${n}`, role(`many-${n}`, []))).code)
  t.same(codes.slice(48), ['approval_required', 'approval_required', 'changes_too_many', 'changes_too_many'])
})

t.test('a change expires', async (t) => {
  const id = await ask(ann, 'PUT', '/roles/late', role('late', []))
  clock.advance(3_600_001)
  await hub.ready()
  t.match(await approve(bob, id), { status: 409, code: 'change_not_open' })
  t.match((await call(bob, 'GET', `/changes/${id}`)).value, { state: 'expired' })
})
