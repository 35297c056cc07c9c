// together: plugin-hubs
/** Why somebody has a right of administration or lacks it, and who has it: the API, mezctl, and the page of a person. */
import { join } from 'node:path'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'
import { adminRequests } from '../../../core/program/admin/admin-client.ts'
import { runMezctl } from '../../oclif-cli/run-program.ts'

t.setTimeout(60_000)

const hub = await createTestHub()
t.teardown(() => hub.stop())
const role = (name: string, spec: object, labels: object = {}) =>
  hub.api('PUT', `/roles/${name}`, { kind: 'role', version: 'v1', metadata: { name, labels }, spec })
const app = (name: string, labels: object) =>
  hub.api('PUT', `/apps/${name}`, {
    kind: 'app',
    version: 'v1',
    metadata: { name, labels },
    spec: { uri: 'http://127.0.0.1:9', agents: ['agent-1'] },
  })
const owned = {
  kinds: ['app'],
  verbs: ['list', 'update'],
  where: { labels: { owner: ['{{user.name}}', 'shop'] } },
}
await role('owners', { allow: { admin: [owned] } })
await role('desk', { allow: { admin: [{ kinds: ['lock', 'role'], verbs: ['*'] }] } })
await role('no-locks', { deny: { admin: [{ kinds: ['lock'], verbs: ['delete'] }] } })
await app('hers', { owner: 'ann' })
await app('shop', { owner: 'shop' })
await app('foreign', { owner: 'bob' })
for (const [name, roles] of [
  ['ann', ['owners', 'desk', 'no-locks']],
  ['bob', ['owners', 'desk']],
  ['root', ['admin']],
  ['nobody', ['access']],
] as const)
  await hub.api('POST', '/users', { name, roles })

interface Explained {
  readonly effect: string
  readonly right: string
  readonly locked: boolean
  readonly rules: readonly { readonly role: string; readonly effect: string }[]
  readonly holders: readonly string[]
  readonly holders_count: number
}
const explain = (user: string, verb: string, kind: string, name?: string) =>
  hub.api<Explained>(
    'GET',
    `/access/explain-admin?${new URLSearchParams({ user, verb, kind, ...(name !== undefined && { name }) })}`,
  )

t.test('the answer is that of the guard, with the rules and the people who have the right', async (t) => {
  for (const [user, verb, kind, name, effect, holders] of [
    ['ann', 'update', 'app', 'hers', 'allow', ['ann', 'root']],
    ['ann', 'update', 'app', 'shop', 'allow', ['ann', 'bob', 'root']],
    ['ann', 'update', 'app', 'foreign', 'deny', ['bob', 'root']],
    ['ann', 'update', 'app', undefined, 'some', ['root']],
    ['ann', 'delete', 'app', 'hers', 'deny', ['root']],
    ['ann', 'delete', 'lock', undefined, 'deny', ['bob', 'root']],
    ['ann', 'create', 'lock', undefined, 'allow', ['ann', 'bob', 'root']],
    ['ann', 'update', 'role', 'desk', 'allow', ['ann', 'bob', 'root']],
    ['nobody', 'list', 'app', undefined, 'deny', ['root']],
    ['root', 'delete', 'connector', undefined, 'allow', ['root']],
  ] as const) {
    const said = await explain(user, verb, kind, name)
    const { right, effect: told, holders: known, holders_count: count } = said
    t.strictSame(
      { right, effect: told, holders: known, count },
      { right: `${kind}.${verb}`, effect, holders, count: holders.length },
      `${user} ${verb} ${kind} ${name}`,
    )
  }
  const { rules } = await explain('ann', 'delete', 'lock')
  t.match(rules, [
    { role: 'desk', effect: 'allow', kinds: ['lock', 'role'], verbs: ['*'], labels: null },
    { role: 'no-locks', effect: 'deny', kinds: ['lock'], verbs: ['delete'], labels: null },
  ])
  const limited = await explain('ann', 'update', 'app', 'foreign')
  t.match(limited.rules, [{ role: 'owners', labels: { owner: ['{{user.name}}', 'shop'] } }])
})

t.test(
  'a locked person is shown as locked, and is not named to those who look for somebody with the right',
  async (t) => {
    const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'bob' } })
    t.match(await explain('bob', 'create', 'lock'), {
      effect: 'allow',
      locked: true,
      holders: ['ann', 'root'],
    })
    await hub.api('DELETE', `/locks/${id}`)
    t.match(await explain('bob', 'create', 'lock'), { locked: false, holders: ['ann', 'bob', 'root'] })
  },
)

t.test('an unknown person, thing, verb or kind is refused', async (t) => {
  for (const [user, verb, kind, name, code] of [
    ['nemo', 'list', 'app', undefined, 'user_not_found'],
    ['ann', 'update', 'app', 'nothing', 'app_not_found'],
    ['ann', 'update', 'role', 'nothing', 'role_not_found'],
    ['ann', 'destroy', 'app', undefined, 'invalid_request'],
    ['ann', 'list', 'App', undefined, 'invalid_request'],
  ] as const)
    await t.rejects(explain(user, verb, kind, name), { code }, `${user} ${verb} ${kind} ${name}`)
})

t.test('mezctl explains a right in words', async (t) => {
  const run = (...argv: string[]) => runMezctl(['access', 'explain', ...argv, '--data-dir', hub.dataDir], {})
  const denied = await run('--admin', 'ann', 'update', 'app', 'foreign')
  t.equal(denied.code, 0, denied.err)
  t.match(
    denied.out,
    /^ann may not update app foreign\.\n\nROLE[\s\S]*owners +allow[\s\S]*owner=\{\{user\.name\}\}\|shop/,
  )
  t.match(denied.out, /Who has it: bob, root/)
  t.match(
    (await run('--admin', 'ann', 'update', 'app')).out,
    /^ann may update app only with the labels of a rule below\./,
  )
  t.match(
    (await run('--admin', 'nobody', 'list', 'app')).out,
    /No role of the user has the right app\.list\./,
  )
  t.match(JSON.parse((await run('--admin', 'root', 'list', 'app', '--json')).out), { effect: 'allow' })
  for (const argv of [
    [],
    ['--admin', 'ann'],
    ['--user', 'ann'],
    ['--admin', 'ann', '--user', 'ann', 'list', 'app'],
  ])
    t.equal((await run(...argv)).code, 2, argv.join(' '))
})

t.test('the page of a person has the rights in words, also in German', async (t) => {
  const request = adminRequests(join(hub.dataDir, 'admin.sock'))
  const panels = async (name: string, language: string) => {
    const path = `/dashboard/person-panels/${name}`
    const { body } = await request('GET', path, undefined, { 'accept-language': language })
    return JSON.stringify(body)
  }
  const english = await panels('ann', 'en')
  for (const text of ['Rights of administration', 'Do everything', 'denies', 'owner={{user.name}}|shop'])
    t.match(english, text)
  const german = await panels('ann', 'de')
  for (const text of ['Rechte der Administration', 'Alles tun', 'verbietet', 'Nur mit Labels'])
    t.match(german, text)
  t.match(await panels('root', 'de'), '"alles"')
  t.notMatch(await panels('nobody', 'en'), 'Rights of administration')
})
