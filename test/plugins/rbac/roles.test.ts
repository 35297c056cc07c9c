import { type AuditInput, entityTags, type Log } from '@mezite/core'
import { systemClock } from '@mezite/core/protocol'
import { testActor } from '@mezite/core/testing'
import t from 'tap'
import { createRevisions } from '../../../core/hub/revisions/revisions.ts'
import { rbacMigrations } from '../../../plugins/rbac/migrations.ts'
import { readRole } from '../../../plugins/rbac/role-resource.ts'
import { createRoles, roleNotFound } from '../../../plugins/rbac/roles.ts'
import { openTestDatabase } from '../../hub/database/stores.ts'

t.test('stored roles', async (t) => {
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
  const audit = () => ({
    recordIn: async (_: unknown, inputs: readonly AuditInput[]) => void events.push(...inputs),
    committed() {},
  })
  const revisions = createRevisions({ ...opened, clock: systemClock, log, audit })
  const roles = createRoles({ revisions, log, now: Date.now })
  await revisions.start()
  t.teardown(async () => {
    await revisions.stop()
    await opened.close()
  })
  const role = (name: string, env: string) =>
    readRole({ kind: 'role', version: 'v1', metadata: { name }, spec: { allow: { app_labels: { env } } } })

  t.same(await roles.put(role('dev', 'dev'), testActor), { created: true })
  t.same(await roles.put(role('dev', 'prod'), testActor), { created: false })
  t.same(roles.get('dev')?.spec.allow, { app_labels: { env: 'prod' } })
  t.equal(roles.list().length, 1)

  const revision = revisions.revision
  await revisions.write(async (trx, change) => {
    await trx
      .updateTable('rbac_roles')
      .set({ document: '{"kind":"role"' })
      .where('name', '=', 'dev')
      .execute()
    change.touch('role', 'dev')
  })
  t.ok(revisions.revision > revision, 'E71 cached decisions end')
  t.equal(roles.compiled().get('dev'), 'unreadable', 'E70 an unparsable role denies')
  t.ok(errors.length > 0, 'and is reported')

  const metadata = { name: 'dev', expires: '2020-01-01T00:00:00Z' }
  const expiring = { kind: 'role', version: 'v1', metadata, spec: { allow: { app_labels: { '*': '*' } } } }
  t.throws(() => readRole(expiring), { code: 'resource_invalid', message: /a role does not expire/ })
  await revisions.write(async (trx, change) => {
    await trx
      .updateTable('rbac_roles')
      .set({ document: JSON.stringify(expiring) })
      .execute()
    change.touch('role', 'dev')
  })
  t.equal(roles.compiled().get('dev'), 'unreadable', 'one that is stored from before lets nobody in')

  await roles.remove('dev', testActor)
  t.equal(roles.compiled().get('dev'), undefined)
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

  await roles.put(role('shared', 'prod'), testActor)
  const seen = { 'if-match': entityTags.of(roles.get('shared')) }
  await roles.put(role('shared', 'stage'), testActor, seen)
  await t.rejects(roles.put(role('shared', 'test'), testActor, seen), { code: 'changed_meanwhile' })
  await t.rejects(roles.put(role('shared', 'test'), testActor, { 'if-none-match': '*' }), {
    status: 412,
    code: 'changed_meanwhile',
  })
  t.same(
    roles.get('shared')?.spec.allow,
    { app_labels: { env: 'stage' } },
    'the change of somebody else stays',
  )
})
