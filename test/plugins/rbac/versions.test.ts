// together: plugin-hubs
/** The last versions of a role, and the way back to one of them. */
import t from 'tap'
import { createTestHub } from '../../../core/testing/test-hub.ts'
import { STANDARD_ROLES } from '../../../plugins/rbac/standard-roles.ts'

interface Version {
  readonly version: number
  readonly saved: string | null
  readonly saved_by: string | null
  readonly document: { readonly spec: object; readonly metadata: object }
}

const hub = await createTestHub()
t.teardown(() => hub.stop())

const role = (name: string, env: string, labels: object = {}) =>
  hub.api('PUT', `/roles/${name}`, {
    kind: 'role',
    version: 'v1',
    metadata: { name, labels },
    spec: { allow: { app_labels: { env } } },
  })
const versions = (name: string) => hub.api<Version[]>('GET', `/roles/${name}/versions`)
const envOf = ({ document }: Version) =>
  (document.spec as { allow: { app_labels: { env?: string } } }).allow.app_labels.env

t.test('each version is kept with its time and its author, the newest first', async (t) => {
  for (const env of ['one', 'two', 'three']) await role('dev', env)
  const found = await versions('dev')
  t.same(found.map(envOf), ['three', 'two', 'one'])
  t.same(
    found.map(({ version }) => version),
    [3, 2, 1],
  )
  t.ok(found.every(({ saved, saved_by }) => saved !== null && Date.parse(saved) > 0 && saved_by !== null))
  t.match(found[0]?.document, { kind: 'role', version: 'v1', metadata: { name: 'dev' } })

  await hub.api('PUT', '/roles/dev', found[2]?.document)
  t.same((await versions('dev')).map(envOf), ['one', 'three', 'two', 'one'], 'to go back is a version too')
})

t.test('a change that is refused keeps no version', async (t) => {
  await role('kept', 'one')
  const body = { kind: 'role', version: 'v1', metadata: { name: 'kept' } }
  await t.rejects(hub.api('PUT', '/roles/kept', { ...body, spec: { alow: {} } }))
  await t.rejects(hub.api('PUT', '/roles/admin', { ...body, metadata: { name: 'admin' }, spec: {} }))
  t.same(await versions('admin'), [])
  t.same((await versions('kept')).map(envOf), ['one'])
})

t.test('the first change of a role that came with the cluster keeps the document before it', async (t) => {
  t.same(await versions('auditor'), [])
  const standard = STANDARD_ROLES.find(({ metadata }) => metadata.name === 'auditor')
  await hub.api('PUT', '/roles/auditor', { ...standard, spec: { allow: { app_labels: { env: 'prod' } } } })
  const [now, before] = await versions('auditor')
  t.equal(now && envOf(now), 'prod')
  t.match(before, { version: 1, saved: null, saved_by: null, document: { spec: standard?.spec } })
})

t.test('twenty versions are kept of a role, and none of one that is removed', async (t) => {
  for (let count = 1; count <= 22; count++) await role('often', `${count}`)
  await role('other', 'x')
  const kept = await versions('often')
  t.equal(kept.length, 20)
  t.same([kept[0] && envOf(kept[0]), kept.at(-1) && envOf(kept.at(-1)!)], ['22', '3'])
  await hub.api('DELETE', '/roles/often')
  t.same(await versions('often'), [])
  await role('often', 'again')
  t.same((await versions('often')).map(envOf), ['again'])
  t.equal((await versions('other')).length, 1)
})
