// long
/** So many sessions that whoever made them could hold everybody up: how they end, and that others are served meanwhile. */
import { Agent } from 'node:https'
import { createTestHub } from '@mezite/core/testing'
import pg from 'pg'
import t from 'tap'
import { hashToken, newToken } from '../../../core/gate/sessions/session-insert.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'

const store = await postgresStore()
t.teardown(() => store.close())
const { url } = (await store.config()) as { url: string }
const hub = await createTestHub({ config: { database: { driver: 'postgres', url } } })
t.teardown(() => hub.stop())
const sql = new pg.Client({ connectionString: url })
await sql.connect()
t.teardown(() => sql.end())
await hub.api('POST', '/users', { name: 'alice', roles: ['access'] })

const ready = async () => (await fetch(`http://127.0.0.1:${hub.ports.diagnostics}/readyz?deep`)).status
const living = async (): Promise<number> =>
  (await sql.query('SELECT count(*)::int AS n FROM sessions WHERE ended IS NULL')).rows[0].n

/** As if they had been opened: sessions of this kind with ids that begin with `prefix`. */
async function insert(prefix: string, kind: string, parent: string | null, count: number, expires: number) {
  await sql.query(
    `INSERT INTO sessions (id, hash, kind, user_name, connector, app_id, parent_id, client_ip, satisfied, created,
       expires, idle_ms, last_used)
     SELECT $1 || i, $1 || i, $2, 'alice', 'sso', 'app-1', $3, '127.0.0.1', '[]', $4, $5, 0, $4
     FROM generate_series(1, $6::int) i`,
    [prefix, kind, parent, Date.now(), expires, count],
  )
  await reload()
}

/** Lets the hub read everything again: further than hubs replay. */
async function reload() {
  await sql.query(`UPDATE change_sequence SET n = n + 5000, tag = gen_random_uuid();
    INSERT INTO change_log (n, tag, touched) SELECT n, tag, '[]' FROM change_sequence`)
  await hub.ready()
}

t.test('N172 5,000 sessions end with their sign-in at once, and each end is recorded in order', async (t) => {
  const expires = Date.now() + 3_600_000
  await insert('few', 'hub', null, 1, expires)
  await insert('child', 'app', 'few1', 5_000, expires)
  const watch = startStopwatch()
  const [{ cut }] = await Promise.all([
    hub.api<{ cut: { sessions: number } }>('DELETE', '/sessions/few1'),
    hub.api('POST', '/locks', { target: { user: 'eve' } }),
  ])
  const ms = watch.took()
  t.equal(cut.sessions, 5_001)
  t.ok(ms < 10_000, `with a lock behind it in ${ms} ms`)
  t.equal(await living(), 0)
  const { rows } = await sql.query(`SELECT type, count(*)::int AS n, min(seq) AS first
    FROM audit_database_events WHERE type IN ('session.revoked', 'app.session.end') GROUP BY type ORDER BY first`)
  t.match(rows, [
    { type: 'session.revoked', n: 1 },
    { type: 'app.session.end', n: 5_000 },
  ])
})

t.test('N172 66,000 sessions, more than a statement has parameters, end at once', async (t) => {
  await insert('many', 'hub', null, 1, Date.now() + 3_600_000)
  await insert('of-many', 'app', 'many1', 66_000, Date.now() + 3_600_000)
  // A change that takes longer than 8 s is undone, as when other programs have the processor for so long.
  const end = () =>
    hub.api('DELETE', '/sessions/many1').then(
      () => true,
      (error) => {
        if (error.status !== 503) throw error
        return false
      },
    )
  await until(end, 'they have ended')
  t.equal(await living(), 0)
  t.equal(await ready(), 200)
})

t.test('N172 7,000 sessions expire, and the hub goes on', async (t) => {
  await insert('old', 'hub', null, 7_000, Date.now() + 1_000)
  await until(async () => (await living()) === 0, 'all have ended')
  await hub.ready()
  t.equal(await ready(), 200)
  const largest = await sql.query(
    `SELECT max(json_array_length(touched::json)) AS n FROM change_log WHERE touched LIKE '%old1"%'`,
  )
  t.ok(largest.rows[0].n <= 500, 'some in a change, so that others come between')
})

t.test('N238, N239 an office of 700 people behind one address visits an app at once', async (t) => {
  const people = Array.from({ length: 700 }, (_, n) => ({ name: `office-${n}`, token: newToken() }))
  const names = people.map(({ name }) => name)
  await sql.query(
    `INSERT INTO users (key, name, own_roles, mapped_roles, created)
     SELECT name, name, '["access"]', '[]', 0 FROM unnest($1::text[]) AS name`,
    [names],
  )
  const [now, expires] = [Date.now(), Date.now() + 3_600_000]
  await sql.query(
    `INSERT INTO sessions (id, hash, kind, user_name, client_ip, satisfied, created, expires, idle_ms, last_used)
     SELECT name, hash, 'hub', name, '127.0.0.1', '[]', $3, $4, 0, $3
     FROM unnest($1::text[], $2::text[]) AS person (name, hash)`,
    [names, people.map(({ token }) => hashToken(token)), now, expires],
  )
  await reload()
  await hub.api('POST', '/apps', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'intranet' },
    spec: { uri: 'http://127.0.0.1:1' },
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 64, maxCachedSessions: 100 })
  t.teardown(() => agent.destroy())
  const navigates = { 'sec-fetch-mode': 'navigate', accept: 'text/html' }
  const statuses = await Promise.all(
    people.map(async ({ token }) => {
      const visitor = hub.visitor()
      const go = (url: string, headers = {}) =>
        visitor.fetch(url, { agent, headers: { ...navigates, ...headers } })
      const stranger = await go(`${hub.appUrl('intranet')}/`)
      const launched = await go(stranger.headers.location!, { cookie: `__Host-mezite_session=${token}` })
      const opened = launched.status === 303 ? await go(launched.headers.location!) : launched
      return `${launched.status} ${opened.status} ${opened.headers.location}`
    }),
  )
  t.strictSame([...new Set(statuses)], ['303 303 /'])
})
