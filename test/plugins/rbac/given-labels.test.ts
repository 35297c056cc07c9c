// together: plugin-hubs
/** Labels by which somebody would gain rights over a thing: nobody writes them who lacks these rights. */
import t, { type Test } from 'tap'
import { type Holder, startKeyHub } from '../webauthn/key-hub.ts'

t.setTimeout(120_000)

const { hub, person } = await startKeyHub()
t.teardown(() => hub.stop())

const role = (name: string, admin: object[], side = 'allow', labels: object = {}) => ({
  kind: 'role',
  version: 'v1',
  metadata: { name, labels },
  spec: { [side]: { admin } },
})
const app = (name: string, labels: object) => ({
  kind: 'app',
  version: 'v1',
  metadata: { name, labels },
  spec: { uri: 'http://127.0.0.1:9', agents: ['agent-1'] },
})
for (const one of [
  role('writes', [{ kinds: ['app'], verbs: ['list', 'read', 'update'] }]),
  role('makes', [{ kinds: ['app'], verbs: ['create'] }]),
  role('team', [{ kinds: ['app'], verbs: ['*'], where: { labels: { team: '{{user.roles}}' } } }]),
  role('owner', [{ kinds: ['app'], verbs: ['delete'], where: { labels: { boss: '{{user.name}}' } } }]),
  role('reds', [{ kinds: ['role'], verbs: ['delete'], where: { labels: { color: 'red' } } }]),
  role('roles', [{ kinds: ['role'], verbs: ['list', 'read', 'update'] }]),
  role('no-prod', [{ kinds: ['app'], verbs: ['enable'], where: { labels: { env: 'prod' } } }], 'deny'),
])
  await hub.api('PUT', `/roles/${one.metadata.name}`, one)

async function call({ visitor }: Holder, method: string, path: string, body?: object) {
  const [, token] = /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '') ?? []
  const { status, text } = await hub.visitor().fetch(`${hub.url}/v1/webapi${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const { code = null, detail } = JSON.parse(text) as { code?: string; detail?: string }
  return { status, code, detail }
}
const put = (by: Holder, name: string, labels: object) => call(by, 'PUT', `/apps/${name}`, app(name, labels))
const labelsOf = async (name: string) =>
  (await hub.api<{ metadata: { labels?: object } }>('GET', `/apps/${name}`)).metadata.labels ?? {}
async function refused(t: Test, by: Holder, name: string, labels: object, why: string): Promise<void> {
  const before = await labelsOf(name)
  t.match(await put(by, name, labels), { status: 403, code: 'roles_exceed_own' }, why)
  t.same(await labelsOf(name), before)
}

const ann = await person('ann', ['writes', 'owner', 'team'])
const bob = await person('bob', ['owner'])

t.test('nobody makes an app their own, or that of a role of theirs, by a label', async (t) => {
  await hub.api('PUT', '/apps/shared', app('shared', { env: 'test' }))
  await refused(t, ann, 'shared', { env: 'test', boss: 'ann' }, 'she could delete it')
  await refused(t, ann, 'shared', { env: 'test', team: 'team' }, 'a role of hers could do anything')
  await refused(t, ann, 'shared', { boss: 'bob' }, 'somebody else could delete it')
  t.match(await put(ann, 'shared', { env: 'other', mine: 'ann' }), { status: 200 }, 'no rule is about it')
  t.match(await call(ann, 'DELETE', '/apps/shared'), { status: 403 })
})

t.test(
  'a label that is there already may stay, and whoever has the rights that a label gives may give it',
  async (t) => {
    await hub.api('PUT', '/apps/kept', app('kept', { boss: 'bob' }))
    t.match(await put(ann, 'kept', { boss: 'bob', more: 'yes' }), { status: 200 })
    await refused(t, ann, 'kept', { boss: 'ann' }, 'the right of somebody else is not hers')
    t.match(await put(ann, 'kept', {}), { status: 200 }, 'taking a label away gives nobody a right')
    await refused(t, ann, 'kept', { boss: 'bob' }, 'and putting it back would')
    await hub.api('PUT', '/apps/ours', app('ours', { team: 'team' }))
    t.match(
      await put(ann, 'ours', { team: 'team', boss: 'bob' }),
      { status: 200 },
      'she may delete it herself',
    )
    t.match(await call(bob, 'DELETE', '/apps/ours'), { status: 200 })
  },
)

t.test('a new app gets no label that gives others more than who makes it has', async (t) => {
  const maker = await person('maker', ['makes', 'owner'])
  const create = (name: string, labels: object) => call(maker, 'POST', '/apps', app(name, labels))
  t.match(await create('foreign', { boss: 'bob' }), { status: 403, code: 'roles_exceed_own' })
  t.match(await create('foreign', { team: 'team' }), { status: 403, code: 'roles_exceed_own' })
  t.match(await put(ann, 'foreign', { boss: 'bob' }), { status: 403, code: 'roles_exceed_own' }, 'by PUT')
  t.same(await hub.api('GET', '/apps?name=foreign'), [])
  t.equal((await create('plain', { env: 'test' })).code, null)
  t.equal((await create('own', { boss: 'maker' })).code, null, 'their own new one, as their role says')
})

t.test('nobody takes a label away by which people are denied what the changer may not do', async (t) => {
  await hub.api('PUT', '/apps/live', app('live', { env: 'prod' }))
  await refused(t, ann, 'live', { env: 'test' }, 'those who are denied it could switch it off')
  t.match(await put(ann, 'live', { env: 'prod', more: 'yes' }), { status: 200 })
  const denied = await person('denied', ['writes', 'no-prod'])
  await refused(t, denied, 'live', {}, 'not even for oneself')
})

t.test(
  'that an address is taken is said to everybody, and whose it is only to who may list all',
  async (t) => {
    const addressed = (name: string, labels: object) => {
      const { spec, ...more } = app(name, labels)
      return {
        ...more,
        spec: { ...spec, public_addr: `taken.${new URL(hub.appUrl('x')).hostname.slice(2)}` },
      }
    }
    await hub.api('PUT', '/apps/hidden-name', addressed('hidden-name', {}))
    const few = await person('few', ['team', 'makes'])
    for (const [method, path, body] of [
      ['POST', '/apps', addressed('one', { team: 'team' })],
      ['POST', '/apps', addressed('one', {})],
    ] as const) {
      const { status, code, detail } = await call(few, method, path, body)
      t.match({ status, code }, { status: 409, code: 'public_addr_taken' })
      t.match(detail, /is taken by another app/)
      t.notMatch(detail, /hidden-name/)
    }
    t.match(await call(ann, 'POST', '/apps/test', addressed('one', {})), {
      ...{ status: 409, detail: /taken by the app hidden-name/ },
    })
  },
)

t.test('documents of other kinds follow the same rule, and administrators are not limited', async (t) => {
  const keeper = await person('keeper', ['roles', 'reds'])
  const change = (color: string) =>
    call(keeper, 'PUT', '/roles/plain', { ...role('plain', [], 'allow', { color }), spec: {} })
  t.match(await change('blue'), { status: 201 })
  t.match(await change('red'), { status: 403, code: 'roles_exceed_own' })
  t.match(await call(keeper, 'DELETE', '/roles/plain'), { status: 403 })
  const root = await person('root', ['admin'])
  t.match(await put(root, 'shared', { boss: 'ann', team: 'team' }), { status: 200 })
})
