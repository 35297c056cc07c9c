// long
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { testEvent } from '@mezite/core/testing'
import fc from 'fast-check'
import { sql } from 'kysely'
import t from 'tap'
import { isAdminRight } from '../../../core/api/rights.ts'
import { eventTypes } from '../../../plugins/audit-database/event-types.ts'
import { createSink } from '../../../plugins/audit-database/sink.ts'
import { batchesTo, linesOf } from '../../event-lines.ts'
import { sourcesOf, textOf } from '../../read-imports.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { pgliteStore, type Store } from '../../state/database/stores.ts'
import { until } from '../../until.ts'
import { startTrail } from './start-trail.ts'

type Tap = typeof t
type Json = Record<string, unknown>

const made = (type: string, fields: Record<string, string> = {}, at = Date.now()) =>
  testEvent({ type, success: true, user: 'alice', fields }, { cluster: 'c', hub: 'h', at })

async function suite(t: Tap, store: Store): Promise<void> {
  const trail = await startTrail(await store.config('migrated'))
  t.teardown(() => trail.close())
  const { audit, ask } = trail
  const { db } = trail.database
  /** Of what is on its way to the trail, too. */
  const empty = async () => {
    await audit.flush()
    await sql`TRUNCATE audit_database_texts, audit_database_requests`.execute(db)
  }
  const list = async (path: string): Promise<Json[]> => {
    const { status, json } = await ask(path)
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(json)}`)
    return (json as Json[]).filter(({ type }) => type !== 'audit.read')
  }

  await t.test('M159 M165 an event with hostile bytes comes back whole and escaped', async (t) => {
    const path = `/\u0000\r\n\u001b[2J\u202e\ud800${'x'.repeat(65_536)}?token=s3cret`
    audit.record({
      type: 'app.request',
      success: false,
      reason: 'access_denied',
      user: 'ali\u0000ce',
      roles: ['dev'],
      clientIp: '192.0.2.1',
      sessionId: 's',
      requestId: 'r',
      fields: { app: 'gra\u0000fana', agent: 'db-1', path },
    })
    await audit.flush()
    const [event, ...more] = await list('/audit?type=app.request')
    t.equal(more.length, 0)
    t.match(event, {
      user: 'ali\\u0000ce',
      roles: ['dev'],
      client_ip: '192.0.2.1',
      session_id: 's',
      request_id: 'r',
      success: false,
      reason: 'access_denied',
      app: 'gra\\u0000fana',
      agent: 'db-1',
    })
    t.ok(String(event?.path).startsWith('/\\u0000\\u000d\\u000a\\u001b[2J\\u202e\\ud800xxx'))
    t.equal((await list(`/audit?user=${encodeURIComponent('ali\\u0000ce')}`)).length, 1)
  })

  await t.test('lists events by filters, oldest first, or the newest when no start is given', async (t) => {
    await empty()
    const write = batchesTo(createSink(db))
    const day = (n: number) => Date.UTC(2026, 0, n)
    await write(
      Array.from({ length: 10 }, (_, n) => made(n % 2 ? 'odd' : 'even', { app: `app-${n}` }, day(n + 1))),
    )
    const apps = (events: Json[]) => events.map(({ app }) => (app as string).slice(4)).join('')
    t.equal(apps(await list('/audit')), '0123456789')
    t.equal(apps(await list('/audit?user=alice&limit=3')), '789')
    t.equal(apps(await list('/audit?type=odd')), '13579')
    t.equal(apps(await list('/audit?app=app-4')), '4')
    t.equal(apps(await list('/audit?user=alice&limit=2&type=even')), '68')
    t.equal(apps(await list('/audit?from=2026-01-03T00:00:00Z&to=2026-01-05T00:00:00Z')), '234')
    t.equal(
      apps(await list('/audit?user=alice&from=2026-01-03T00:00:00Z&limit=2')),
      '89',
      'the newest in the range',
    )
    const [first] = await list('/audit?user=alice&from=2026-01-03T00:00:00Z&limit=2')
    t.equal(
      apps(await list(`/audit?user=alice&from=2026-01-03T00:00:00Z&limit=3&before=${first?.id}`)),
      '567',
    )
    t.equal(apps(await list(`/audit?user=alice&from=2026-01-03T00:00:00Z&limit=3&after=${first?.id}`)), '9')
    for (const bad of [
      'limit=0',
      'limit=1001',
      'limit=x',
      'limit=-1',
      'from=yesterday',
      'to=+275760-09-14',
      'after=1',
      'what=1',
    ]) {
      t.equal((await ask(`/audit?${bad}`)).status, 400, bad)
    }
    t.match((await ask('/audit?what=1')).json, { detail: /^what is unknown/ })
  })

  await t.test('finds an event by request, session, address, agent and reason', async (t) => {
    await empty()
    const of = (n: number, long = '') => ({
      type: 'app.request',
      success: false,
      clientIp: `192.0.2.${n}`,
      sessionId: `s-${n}${long}`,
      requestId: `r-${n}${long}`,
      reason: n === 3 ? 'agent_none' : null,
      fields: { agent: n === 3 ? null : `db-${n}` },
    })
    const long = 'x'.repeat(900)
    for (const n of [1, 2, 3]) audit.record(of(n))
    audit.record(of(4, long))
    await audit.flush()
    const found = async (query: string) => (await list(`/audit?${query}`)).map((each) => each.client_ip)
    t.same(await found('request=r-3'), ['192.0.2.3'])
    t.same(await found('session=s-2'), ['192.0.2.2'])
    t.same(await found('ip=192.0.2.1'), ['192.0.2.1'])
    t.same(await found('agent=db-2'), ['192.0.2.2'])
    t.same(await found('reason=agent_none'), ['192.0.2.3'])
    t.same(await found('reason=agent_none&agent=db-2'), [])
    t.same(await found(`request=r-4${long}`), ['192.0.2.4'])
    t.same(await found(`request=r-4${long.slice(1)}`), [])
    const { rows } = await sql<{ 'QUERY PLAN': string }>`EXPLAIN SELECT seq FROM audit_database_texts
      WHERE right(event ->> 'request_id', 4) = right('r', 4) ORDER BY seq DESC LIMIT 10`.execute(db)
    t.match(JSON.stringify(rows), /audit_database_events_request_id/, 'an index finds it in a long trail')
  })

  await t.test('finds requests, which are stored in parts, by the same filters', async (t) => {
    await empty()
    const ids = [1, 2, 3].map(() => randomUUID())
    for (const n of [1, 2, 3])
      audit.record({
        type: 'app.request',
        success: n < 3,
        reason: n < 3 ? null : 'agent_none',
        user: `user-${n}`,
        clientIp: `192.0.2.${n}`,
        sessionId: `s-${n}`,
        requestId: ids[n - 1]!,
        fields: {
          app: `app-${n}`,
          agent: n < 3 ? `db-${n}` : null,
          method: 'GET',
          path: '/',
          status: 200,
          bytes_in: 0,
          bytes_out: 1,
          duration_ms: 1,
          upgrade: null,
        },
      })
    await audit.flush()
    const { rows: stored } = await sql`SELECT 1 FROM audit_database_requests`.execute(db)
    t.equal(stored.length, 3)
    const found = async (query: string) =>
      (await list(`/audit?${query}`)).map(({ client_ip }) => (client_ip as string).slice(8)).join('')
    t.equal(await found('type=app.request'), '123')
    t.equal(await found('type=app.request&limit=2'), '23')
    t.equal(await found(`request=${ids[1]}`), '2')
    t.equal(await found(`request=${ids[1]!.toUpperCase()}`), '', 'spelled as in the event')
    t.equal(await found('session=s-2'), '2')
    t.equal(await found('ip=192.0.2.1'), '1')
    t.equal(await found('user=user-2'), '2')
    t.equal(await found('app=app-3'), '3')
    t.equal(await found('agent=db-1'), '1')
    t.equal(await found('reason=agent_none'), '3')
    t.equal(await found('reason=agent_none&app=app-1'), '')
    const [first, , last] = (await list('/audit?type=app.request')) as { id: string }[]
    t.equal(await found(`after=${first?.id}`), '23')
    t.equal(await found(`before=${last?.id}`), '12')
    t.equal((await ask(`/audit?after=${randomUUID()}`)).status, 400)
    t.equal(await found('changes=true'), '', 'a request changes nothing')
    const { rows } = await sql`EXPLAIN SELECT seq FROM audit_database_requests
      WHERE (uuid_hash(request_id) & 65535) = (uuid_hash(${ids[0]}::uuid) & 65535) LIMIT 1`.execute(db)
    t.match(JSON.stringify(rows), /audit_database_requests_request_id/, 'an index finds it in a long trail')
  })

  await t.test('an unknown type is an error with a suggestion', async (t) => {
    await empty()
    await batchesTo(createSink(db))([made('plugin.thing'), made('user.login')])
    const changes = (await list('/audit?changes=true')).map(({ type }) => type)
    t.strictSame(changes, ['plugin.thing'], 'a sign-in changes nothing that stays')
    t.equal((await ask('/audit?changes=yes')).status, 400)
    const types = (await ask('/audit/types')).json as readonly string[]
    for (const type of ['plugin.thing', 'app.created']) t.ok(types.includes(type), type)
    t.match(await ask('/audit?type=acces.denied'), {
      status: 400,
      json: { code: 'audit_type_unknown', detail: /access\.denied/ },
    })
    t.equal((await ask('/audit?type=something-else-entirely')).status, 400)
    t.match(await ask('/audit?type=plugin.thin'), { json: { detail: /"plugin\.thing"/ } })
    t.match(await ask('/audit?type=access.denied'), { status: 200, json: [] }, 'known, but nothing of it')
    t.match(await ask('/audit?type=plugin.thing&user=nobody'), { status: 200, json: [] })
  })

  await t.test(
    'long names are found by their whole text, also those that an older hub filed whole',
    async (t) => {
      await empty()
      const [one, other] = ['a', 'b'].map((letter) => letter + 'ü'.repeat(1_500)) as [string, string]
      const write = batchesTo(createSink(db))
      const event = (name: string) =>
        testEvent(
          { type: 'long', success: true, user: name, fields: { app: name } },
          { cluster: 'c', hub: 'h' },
        )
      const events = [event(one), event(other)]
      await write(events)
      const older = event('c'.repeat(250))
      await write([older])
      await sql`UPDATE audit_database_texts SET user_name = ${older.user}, app = ${older.user}
      WHERE id = ${older.id}`.execute(db)
      for (const { id, user } of [...events, older]) {
        for (const filter of ['user', 'app']) {
          const found = await list(`/audit?${filter}=${encodeURIComponent(user ?? '')}`)
          t.strictSame(
            found.map((each) => each.id),
            [id],
            `${filter}=${user?.slice(0, 3)}…`,
          )
        }
      }
    },
  )

  await t.test('a batch that comes a second time is stored once', async (t) => {
    await empty()
    const sink = createSink(db)
    const lines = linesOf(Array.from({ length: 200 }, (_, n) => made(`n${n}`)))
    await sink.write(lines, 1)
    await sink.write(lines, 1)
    t.equal((await list('/audit?limit=1000')).length, 200)
    await sink.write('', 2)
    await sink.write(linesOf([made('next')]), 3)
    t.equal((await list('/audit?limit=1000')).length, 201)
  })

  await t.test('M163 pages miss nothing and repeat nothing while events are written', async (t) => {
    await empty()
    let writing = true
    let written = 0
    const writers = Array.from({ length: 4 }, async (_, who) => {
      const write = batchesTo(createSink(db))
      for (let n = 0; n < 25; n++) {
        const events = Array.from({ length: 20 }, (_, at) => made('row', { name: `${who}-${n}-${at}` }))
        await write(events)
        written += events.length
      }
    })
    const all = Promise.all(writers).then(() => {
      writing = false
    })
    await until(() => written > 0, 'the first are written')
    const seen: string[] = []
    let after = (await list('/audit?type=row&limit=1000'))[0]!
    seen.push(after.name as string)
    while (true) {
      const last = !writing
      const page = await list(`/audit?type=row&limit=37&after=${after.id}`)
      seen.push(...page.map(({ name }) => name as string))
      after = page.at(-1) ?? after
      if (last && page.length === 0) break
    }
    await all
    t.equal(seen.length, 2_000)
    t.equal(new Set(seen).size, 2_000)
  })

  await t.test('M163 events become visible in the order of their numbers', async (t) => {
    await empty()
    const write = batchesTo(createSink(db))
    const order: string[] = []
    let inside!: () => void
    let finish!: () => void
    const entered = new Promise<void>((resolve) => (inside = resolve))
    const held = new Promise<void>((resolve) => (finish = resolve))
    const first = db
      .transaction()
      .execute(async (trx) => {
        await createSink(db).writeIn?.(trx, linesOf([made('first')]))
        inside()
        await held
      })
      .then(() => order.push('first'))
    await entered
    // Were it not to wait, a reader would see it, remember its number, and never see the first.
    const second = write([made('second')]).then(() => order.push('second'))
    await Promise.race([second, new Promise((resolve) => setTimeout(resolve, 300))])
    finish()
    await Promise.all([first, second])
    t.same(order, ['first', 'second'])
    t.same(
      (await list('/audit')).map(({ type }) => type),
      ['first', 'second'],
    )
  })

  await t.test('K149 SQL in filters is text', async (t) => {
    await empty()
    await batchesTo(createSink(db))([made('a'), made('b')])
    const texts = [
      "' OR 1=1 --",
      "'; DROP TABLE audit_database_events; --",
      '%',
      '\\',
      "a' || '",
      '$1',
      '\u0000',
    ]
    for (const text of texts) {
      for (const name of ['type', 'user', 'app', 'request', 'session', 'ip', 'agent', 'reason']) {
        const { status, json } = await ask(`/audit?${name}=${encodeURIComponent(text)}`)
        t.ok(
          status === 400 || (status === 200 && (json as Json[]).length === 0),
          `${name}=${text}: ${status}`,
        )
      }
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 40 }), async (text) => {
        if (text === 'a' || text === 'b' || text === 'audit.read' || !text.isWellFormed()) return
        const { status, json } = await ask(`/audit?type=${encodeURIComponent(text)}`)
        if (status !== 400 && !(status === 200 && (json as Json[]).length === 0)) throw new Error(`${status}`)
      }),
      { numRuns: 60 },
    )
    t.equal((await list('/audit')).length, 2)
  })

  await t.test('M157 a change and its record are committed together or not at all', async (t) => {
    await empty()
    const { revisions } = trail
    await revisions.write(async (_trx, change) => change.audit({ type: 'role.updated', success: true }))
    await t.rejects(
      revisions.write(async (_trx, change) => {
        await change.audit({ type: 'role.deleted', success: true })
        throw new Error('no')
      }),
    )
    await audit.flush()
    t.same(
      (await list('/audit')).map(({ type }) => type),
      ['role.updated'],
    )
    const { rows } = await sql<{ n: number }>`SELECT n FROM change_sequence`.execute(db)
    await sql`ALTER TABLE audit_database_texts RENAME TO gone`.execute(db)
    await t.rejects(
      revisions.write(async (_trx, change) => change.audit({ type: 'role.created', success: true })),
    )
    await sql`ALTER TABLE gone RENAME TO audit_database_texts`.execute(db)
    t.same((await sql<{ n: number }>`SELECT n FROM change_sequence`.execute(db)).rows, rows)
  })

  await t.test('M158 a table that cannot be written closes the gate, and loses nothing', async (t) => {
    await empty()
    await sql`ALTER TABLE audit_database_texts RENAME TO gone`.execute(db)
    audit.record({ type: 'kept', success: true })
    await until(() => !audit.accepting, 'nothing is accepted')
    await sql`ALTER TABLE gone RENAME TO audit_database_texts`.execute(db)
    await until(() => audit.accepting, 'accepting again')
    t.equal((await list('/audit?type=kept')).length, 1)
  })

  await t.test('M162 reading the trail is recorded', async (t) => {
    await empty()
    await ask('/audit')
    await audit.flush()
    const { json } = await ask('/audit?type=audit.read')
    t.match((json as Json[])[0], { user: 'operator@socket', success: true, resource: 'audit' })
  })

  await t.test('N169 one person can follow the trail only a limited number of times at once', async (t) => {
    const follow = async () => (await trail.follow('/audit/tail')).on('error', () => {})
    const open = await Promise.all(Array.from({ length: 24 }, follow))
    t.ok(open.every(({ statusCode }) => statusCode === 200))
    const refused = await follow()
    t.equal(refused.statusCode, 429)
    refused.resume()
    for (const one of open) one.destroy()
    await until(async () => {
      const again = await follow()
      again.destroy()
      return again.statusCode === 200
    }, 'those that end make room')
  })

  await t.test(
    'the tail sends events at once, also of other hubs, and ends when the hub drains',
    async (t) => {
      await empty()
      const answer = await trail.follow('/audit/tail')
      t.equal(answer.statusCode, 200)
      t.equal(answer.headers['content-type'], 'application/x-ndjson')
      const left = await trail.follow('/audit/tail')
      left.destroy()
      const got: Json[] = []
      const ended = (async () => {
        for await (const line of createInterface({ input: answer })) if (line) got.push(JSON.parse(line))
      })()
      audit.record({ type: 'here', success: true })
      await batchesTo(createSink(db))([made('elsewhere')])
      await until(
        () => ['here', 'elsewhere'].every((type) => got.some((one) => one.type === type)),
        'both are told',
      )
      const last = got.at(-1)!
      await batchesTo(createSink(db))([made('later')])
      t.ok(
        (await list(`/audit?after=${last.id}`)).some(({ type }) => type === 'later'),
        'goes on from where it was',
      )
      await trail.kernel.drain(AbortSignal.timeout(10_000), 10_000)
      await ended
      t.pass('ended')
    },
  )
}

for (const make of [pgliteStore, postgresStore]) {
  t.test(make.name, async (t) => {
    const store = await make()
    t.teardown(() => store.close())
    await suite(t as unknown as Tap, store)
  })
}

t.test('the list of event types has every type that the hub and its plugins record', (t) => {
  const TYPE =
    /'((?:access|access_request|agent|app|app_proposal|app_source|audit|backup|bot|cert|change|client|connector|consent|device|grant|intent|invitation|key|lock|mfa|request|role|session|token|tool|user)\.[a-z_.]+)'/g
  const elsewhere = ['grant.error', 'lock.pid', 'session.js']
  const hooks = ['access.challenge', 'access.decide', 'audit.event', 'audit.recorded', 'user.released']
  const recorded = ['core/gate', 'core/hub', 'core/state', 'core/traffic', 'core/web', 'plugins']
    .flatMap(sourcesOf)
    .flatMap((file) => [...textOf(file).matchAll(TYPE)].map(([, type]) => type!))
  // Rights of routes, such as app.update, have the same form.
  const isRight = (type: string) => isAdminRight(type) && !eventTypes.includes(type)
  t.strictSame(
    [...new Set(recorded)]
      .filter((type) => ![...elsewhere, ...hooks].includes(type) && !isRight(type))
      .sort(),
    [...eventTypes].sort(),
  )
  t.end()
})
