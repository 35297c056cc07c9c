// together: rooms
import { type AuditInput, entityTags, type Log, Type } from '@mezite/core'
import { systemClock } from '@mezite/core/protocol'
import { testActor, testQuery } from '@mezite/core/testing'
import type { RoleReader, RoleRule } from '@mezite/core/types'
import t from 'tap'
import { rbacMigrations } from '../../../plugins/rbac/migrations.ts'
import { readRole } from '../../../plugins/rbac/role-resource.ts'
import { readRoles } from '../../../plugins/rbac/role-rules.ts'
import { compileRole } from '../../../plugins/rbac/role-set.ts'
import { defineRoles, roleNotFound } from '../../../plugins/rbac/roles.ts'
import { anyTables } from '../../any-tables.ts'
import { changesOf, openTestDatabase } from '../../state/database/stores.ts'

t.test('stored roles are listed, shown, replaced and removed', async (t) => {
  const errors: object[] = []
  const log: Log = {
    debug() {},
    info() {},
    warn() {},
    error: (what: object | string) => void errors.push(Object(what)),
    child: () => log,
  }
  const opened = await openTestDatabase([rbacMigrations], log)
  const events: AuditInput[] = []
  const audit = {
    recordIn: async (_: unknown, inputs: readonly AuditInput[]) => void events.push(...inputs),
    committed() {},
  }
  const revisions = changesOf(opened, { log, audit })
  const roles = defineRoles().open({ revisions, log, clock: systemClock })
  await revisions.start()
  t.teardown(async () => {
    await revisions.stop()
    await opened.close()
  })
  const put = (name: string, env: string, preconditions = {}) => {
    const spec = { allow: { app_labels: { env } } }
    const document = readRole({ kind: 'role', version: 'v1', metadata: { name }, spec })
    return roles.put(name, document, testActor, preconditions)
  }
  const labelsOf = (name: string) => roles.known(name).document.spec.allow

  const standard = roles.items.size
  t.match(await put('dev', 'dev'), { created: true })
  t.match(await put('dev', 'prod'), { created: false })
  t.same(labelsOf('dev'), { app_labels: { env: 'prod' } })
  t.equal(roles.items.size, standard + 1)

  const revision = revisions.revision
  await revisions.write(async (trx, change) => {
    await anyTables(trx)
      .updateTable('rbac_roles')
      .set({ document: '{"kind":"role"' })
      .where('name', '=', 'dev')
      .execute()
    change.touch('role', 'dev')
  })
  t.ok(revisions.revision > revision, 'E71 cached decisions end')
  t.ok(roles.unreadable.has('dev'), 'E70 an unparsable role denies')
  t.ok(errors.length > 0, 'and is reported')

  const metadata = { name: 'dev', expires: '2020-01-01T00:00:00Z' }
  const expiring = { kind: 'role', version: 'v1', metadata, spec: { allow: { app_labels: { '*': '*' } } } }
  t.throws(() => readRole(expiring), { code: 'resource_invalid', message: /a role does not expire/ })
  await revisions.write(async (trx, change) => {
    await anyTables(trx)
      .updateTable('rbac_roles')
      .set({ document: JSON.stringify(expiring) })
      .execute()
    change.touch('role', 'dev')
  })
  t.ok(roles.unreadable.has('dev'), 'one that is stored from before lets nobody in')

  await roles.remove('dev', testActor)
  t.notOk(roles.items.has('dev') || roles.unreadable.has('dev'))
  await t.rejects(roles.remove('dev', testActor), { code: 'role_not_found' })
  await t.rejects(roles.remove('admin', testActor), { code: 'role_reserved' })
  t.match(roleNotFound('dev').message, 'There is no role dev')
  t.match(roleNotFound('access').message, 'is built in and has no document')
  const fields = { name: 'dev', role: 'dev' }
  t.match(
    events,
    ['role.created', 'role.updated', 'role.deleted'].map((type) => ({ type, fields })),
    'the audit trail names the role as it names every resource',
  )
  t.equal(events.length, 3)

  await put('shared', 'prod')
  const seen = { 'if-match': entityTags.of(roles.known('shared').document) }
  await put('shared', 'stage', seen)
  await t.rejects(put('shared', 'test', seen), { code: 'changed_meanwhile' })
  await t.rejects(put('shared', 'test', { 'if-none-match': '*' }), {
    status: 412,
    code: 'changed_meanwhile',
  })
  t.same(labelsOf('shared'), { app_labels: { env: 'stage' } }, 'the change of somebody else stays')
})

t.test('a rule of a plugin can be a list, under allow, deny or both', async (t) => {
  let reader: RoleReader | undefined
  const rule: RoleRule = {
    name: 'paths',
    description: 'Paths',
    under: ['allow', 'deny'],
    list: true,
    members: { path: Type.String() },
    faults: ({ path }, under) => (path === under ? [{ path: ['path'], message: `not ${under}` }] : []),
    attach: (roles) => {
      reader = roles
    },
  }
  const under = { ...rule, name: 'denied', under: ['deny'] as const }
  const rules = [rule, under]
  const read = (spec: object) =>
    readRole({ kind: 'role', version: 'v1', metadata: { name: 'dev' }, spec }, { rules })
  const document = read({
    allow: {
      app_labels: { env: 'dev' },
      paths: [{ path: '/a' }, { path: '/b', app_labels: { tier: 'one' } }],
    },
    deny: { paths: [{ path: '/c' }], denied: [{ path: '/d' }] },
  })
  const items = new Map([['dev', compileRole(document)]])
  rule.attach(readRoles({ items, unreadable: new Set() } as never))
  const app = (labels: object) => testQuery({ app: { labels: labels as never } }).app
  const found = reader?.ruled('paths') ?? []
  t.strictSame(
    found.map(({ role, under, value, matches }) => [role, under, value.path, matches(app({ tier: 'one' }))]),
    [
      ['dev', 'allow', '/a', false],
      ['dev', 'allow', '/b', true],
      ['dev', 'deny', '/c', false],
    ],
  )
  t.equal(reader?.ruled('paths')[0]?.value, found[0]?.value, 'the same object while the role is the same')
  t.strictSame(
    reader?.ruled('denied').map(({ under, value }) => [under, value.path]),
    [['deny', '/d']],
  )
  for (const [spec, path] of [
    [{ allow: { denied: [{ path: '/d' }] } }, /spec\.allow\.denied/],
    [{ allow: { paths: { path: '/a' } } }, /spec\.allow\.paths/],
    [{ allow: { paths: [] } }, /spec\.allow\.paths/],
    [{ deny: { paths: [{ path: '/a' }, { path: 'deny' }] } }, /spec\.deny\.paths\.1\.path: not deny/],
    [{ deny: { paths: [{ path: '/a', other: 1 }] } }, /spec\.deny\.paths\.0/],
    [{ deny: { paths: [{ path: '/a', app_labels: { x: '^([$' } }] } }, /spec\.deny\.paths\.0\.app_labels\.x/],
  ] as const)
    t.throws(() => read(spec), { code: 'resource_invalid', message: path })
})
