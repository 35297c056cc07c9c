// together: rooms
import t from 'tap'
import { entityTags } from '../../../core/api/resource.ts'
import { appDocument, readApp } from '../../../core/gate/catalog/app-document.ts'
import { anyTables } from '../../any-tables.ts'
import { actor, appBody, publicNames, startRooms } from '../sessions/start-rooms.ts'

t.test('the catalog stores apps and reports faults', async (t) => {
  const rooms = await startRooms()
  t.teardown(() => rooms.stop())
  const { catalog } = rooms
  const input = (name: string, spec: object = {}, metadata: object = {}) =>
    readApp(appBody(name, spec, metadata), publicNames)

  await t.test('creates, replaces with the same id, and removes', async (t) => {
    const { created, app } = await catalog.put(input('one'), 'create', actor)
    t.ok(created)
    t.equal(catalog.byHost('one.apps.example.com'), app)
    t.equal(catalog.byId(app.id), app)
    const parts = (value: unknown): unknown[] =>
      typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(parts)] : []
    t.ok(parts(app).every(Object.isFrozen), 'no plugin can change it for the others')
    await t.rejects(catalog.put(input('one'), 'create', actor), { status: 409, code: 'app_exists' })
    const again = await catalog.put(input('one', { public_addr: 'uno.apps.example.com' }), 'put', actor)
    t.notOk(again.created)
    t.equal(again.app.id, app.id)
    t.equal(catalog.byHost('one.apps.example.com'), undefined, 'the old host is free')
    t.equal(catalog.byHost('uno.apps.example.com'), again.app)
    await catalog.remove('one', actor)
    t.equal(catalog.byHost('uno.apps.example.com'), undefined)
    await t.rejects(catalog.remove('one', actor), { code: 'app_not_found' })
    t.same(rooms.types(), ['app.created', 'app.updated', 'app.deleted'], 'each change is recorded once')
  })

  await t.test('a change based on an outdated version is refused', async (t) => {
    const { app } = await catalog.put(input('shared'), 'create', actor)
    const seen = entityTags.of(appDocument(app))
    const theirs = await catalog.put(input('shared', { agents: ['node-1'] }), 'put', actor, {
      'if-match': seen,
    })
    const mine = catalog.put(input('shared', { agents: ['node-2'] }), 'put', actor, { 'if-match': seen })
    await t.rejects(mine, { status: 412, code: 'changed_meanwhile' })
    const another = catalog.put(input('shared'), 'put', actor, { 'if-none-match': '*' })
    await t.rejects(another, { status: 412, code: 'changed_meanwhile' })
    t.equal(catalog.byName('shared'), theirs.app)
    const now = entityTags.of(appDocument(theirs.app))
    await catalog.put(input('shared'), 'put', actor, { 'if-match': `"other", ${now}` })
    await t.rejects(catalog.put(input('nothing'), 'put', actor, { 'if-match': '*' }), {
      status: 412,
      code: 'changed_meanwhile',
    })
    t.equal(catalog.byName('nothing'), undefined)
  })

  await t.test('E72 an app that is registered again is another app', async (t) => {
    const before = (await catalog.put(input('again'), 'create', actor)).app
    await catalog.remove('again', actor)
    const after = (await catalog.put(input('again'), 'create', actor)).app
    t.not(after.id, before.id)
    t.equal(catalog.byId(before.id), undefined)
  })

  await t.test('K145 a host belongs to one app, and a certificate must cover it', async (t) => {
    await catalog.put(input('first'), 'create', actor)
    const second = input('second', { public_addr: 'FIRST.apps.example.com' })
    await t.rejects(catalog.put(second, 'create', actor), { status: 409, code: 'public_addr_taken' })
    const deep = input('deep', { public_addr: 'a.b.apps.example.com' })
    await t.rejects(catalog.put(deep, 'create', actor), { status: 400, message: /\*\.apps\.example\.com/ })
    t.equal(catalog.byName('second'), undefined)
  })

  await t.test(
    'warns of an app that no loaded plugin serves, and not of one that a plugin serves',
    async (t) => {
      const warned = () => rooms.warnings.filter((line) => /no loaded plugin serves/.test(line)).length
      await catalog.put(input('served'), 'create', actor)
      t.equal(warned(), 0)
      await catalog.put(input('unserved', { uri: 'tcp://db:5432' }), 'create', actor)
      t.equal(warned(), 1)
      t.ok(catalog.servedByHub(catalog.byName('served')!))
      t.notOk(catalog.servedByHub(catalog.byName('unserved')!))
      t.equal(catalog.urlOf(catalog.byName('served')!), 'https://served.apps.example.com/')
      t.equal(catalog.urlOf(catalog.byName('unserved')!), null)
    },
  )

  await t.test('enables, disables and binds agents', async (t) => {
    await catalog.put(input('toggle'), 'create', actor)
    rooms.events.length = 0
    await catalog.change('toggle', (app) => ({ ...app, enabled: false }), actor)
    t.equal(catalog.byName('toggle')?.enabled, false)
    await catalog.change('toggle', (app) => ({ ...app, enabled: true }), actor)
    await catalog.change('toggle', (app) => ({ ...app, agents: ['node-9'] }), actor)
    t.same(catalog.byName('toggle')?.agents, ['node-9'])
    await rooms.revisions
      .write(async (trx) => {
        t.ok(await catalog.bindsIn(trx, 'node-9'))
        await anyTables(trx).deleteFrom('apps').where('name', '=', 'toggle').execute()
        t.notOk(await catalog.bindsIn(trx, 'node-9'), 'as the transaction sees it, not the memory')
        throw new Error('undone')
      })
      .catch(() => {})
    t.same(rooms.types(), ['app.disabled', 'app.enabled', 'app.updated'])
  })

  await t.test(
    'an expired app does not exist for callers, and apps that share a uri cause a warning',
    async (t) => {
      const expires = new Date(rooms.clock.now() + 60_000).toISOString()
      const { app } = await catalog.put(input('brief', {}, { expires }), 'create', actor)
      t.ok(rooms.warnings.some((line) => /share a uri/.test(line)))
      t.ok(catalog.byHost('brief.apps.example.com'))
      rooms.advance(60_001)
      t.equal(catalog.byHost('brief.apps.example.com'), undefined)
      t.equal(catalog.byId(app.id), undefined)
      t.notOk(catalog.list().some(({ name }) => name === 'brief'))
      t.ok(catalog.registered().some(({ name }) => name === 'brief'))
    },
  )

  await t.test(
    'secret headers are stored encrypted, kept by documents without them, and bound to the uri',
    async (t) => {
      const withSecret = (value: object, more: object = {}) =>
        input('sealed', { headers: { request: { set: { Authorization: value, 'X-A': 'b' } } }, ...more })
      await t.rejects(catalog.put(withSecret({ stored: true }), 'create', actor), {
        status: 400,
        code: 'resource_invalid',
        message: /Authorization: no value is stored/,
      })
      const { app } = await catalog.put(withSecret({ value: 'Bearer s3cret' }), 'create', actor)
      t.same(catalog.secretHeaders(app), ['Authorization', 'Bearer s3cret'])
      t.notMatch(JSON.stringify(app), /s3cret/, 'plugins that get the app do not get it')
      const stored = await rooms.revisions.write(async (trx) =>
        JSON.stringify(
          await anyTables(trx).selectFrom('apps').selectAll().where('name', '=', 'sealed').execute(),
        ),
      )
      t.notMatch(stored, /s3cret|Bearer/)
      t.notMatch(stored, Buffer.from('Bearer s3cret').toString('base64'))

      const kept = await catalog.put(withSecret({ stored: true }, { agents: ['node-1'] }), 'put', actor)
      t.same(catalog.secretHeaders(kept.app), ['Authorization', 'Bearer s3cret'])
      const disabled = await catalog.change('sealed', (before) => ({ ...before, enabled: false }), actor)
      t.same(catalog.secretHeaders(disabled), ['Authorization', 'Bearer s3cret'])
      const moved = withSecret({ stored: true }, { uri: 'http://127.0.0.1:666' })
      await t.rejects(catalog.put(moved, 'put', actor), { status: 400, message: /needs its value again/ })
      const given = withSecret({ value: 'Bearer 2' }, { uri: 'http://127.0.0.1:666' })
      t.same(catalog.secretHeaders((await catalog.put(given, 'put', actor)).app), [
        'Authorization',
        'Bearer 2',
      ])

      // A value from another app's row does not open.
      const other = await catalog.put(
        input('other-app', { headers: { request: { set: { Authorization: { value: 'x' } } } } }),
        'create',
        actor,
      )
      await rooms.revisions.write(async (trx, change) => {
        const row = await anyTables(trx)
          .selectFrom('apps')
          .select('secrets')
          .where('name', '=', 'sealed')
          .executeTakeFirst()
        await anyTables(trx)
          .updateTable('apps')
          .set({ secrets: row?.secrets })
          .where('name', '=', 'other-app')
          .execute()
        change.touch('app', 'other-app')
      })
      t.throws(() => catalog.secretHeaders(catalog.byId(other.app.id)!), { code: 'MEZ_SECRET_UNREADABLE' })
      await catalog.put(input('sealed'), 'put', actor)
      t.same(catalog.secretHeaders(catalog.byName('sealed')!), [])
    },
  )

  await t.test('an unreadable stored app is not served', async (t) => {
    await rooms.revisions.write(async (trx, change) => {
      await anyTables(trx)
        .updateTable('apps')
        .set({ document: '{"kind":' })
        .where('name', '=', 'first')
        .execute()
      change.touch('app', 'first')
    })
    t.equal(catalog.byHost('first.apps.example.com'), undefined)
    t.ok(catalog.byName('toggle'), 'the others are')
  })
})
