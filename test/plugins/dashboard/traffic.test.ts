// together: rooms
/** The figures of the charts. */

import { fakeClock } from '@mezite/core/testing'
import t from 'tap'
import { createTraffic } from '../../../plugins/dashboard/traffic.ts'
import { createTrafficStore, trafficMigrations } from '../../../plugins/dashboard/traffic-store.ts'
import { anyTables } from '../../any-tables.ts'
import { keptLog, openTestDatabase } from '../../state/database/stores.ts'

const database = await openTestDatabase([trafficMigrations])
t.teardown(() => database.close())

const clock = fakeClock(Date.parse('2026-11-25T10:00:30Z'))
const sessions = { list: () => [{}, {}, {}] as never }
const startHub = (name: string) =>
  createTraffic({ sessions, store: createTrafficStore(database.db, name), clock, log: keptLog() })
const request = (app: string, status: number, duration_ms: number) =>
  ({ type: 'app.request', app, status, duration_ms, bytes_in: 10, bytes_out: 100 }) as never

t.test(
  'requests at two hubs are summed by time and by app, and deleted an hour or a day later',
  async (t) => {
    const [one, two] = [startHub('one'), startHub('two')]
    one.count(request('wiki', 200, 3))
    one.count(request('wiki', 502, 900))
    two.count(request('wiki', 200, 4))
    two.count(request('mail', 200, 40))
    two.count({ type: 'app.session.end', protocol: 'tcp', app: 'db', bytes_in: 1, bytes_out: 2 } as never)
    two.count({ type: 'user.login' } as never)
    await one.stop()

    const wiki = (await two.points('hour', 'wiki')).at(-1)
    t.match(wiki, { requests: 3, errors: 1, p50_ms: 5, p95_ms: 1_000, bytes_in: 30, bytes_out: 300 })
    const all = await two.points('hour')
    t.equal(all.length, 60)
    t.match(all.at(-1), {
      time: '2026-11-25T10:00:00.000Z',
      requests: 4,
      errors: 1,
      sessions: 3,
      bytes_in: 41,
    })
    t.match(all.at(-2), { requests: 0, p50_ms: null, sessions: 0 })
    t.match(await two.apps('hour'), [
      { app: 'wiki', requests: 3 },
      { app: 'mail', requests: 1, p50_ms: 50 },
      { app: 'db', requests: 0, p50_ms: null, bytes_out: 2 },
    ])

    const again = startHub('one, started again')
    again.count(request('wiki', 200, 3))
    t.match((await again.points('hour', 'wiki')).at(-1), { requests: 4 }, 'a restart loses nothing')

    clock.jump(clock.now() + 3_600_000)
    again.count(request('wiki', 200, 3))
    const later = await again.points('hour', 'wiki')
    t.equal(
      later.reduce((sum, { requests }) => sum + requests, 0),
      1,
    )
    t.match(
      (await two.apps('day')).find(({ app }) => app === 'wiki'),
      { requests: 5 },
    )
    await two.prune()
    const rows = await anyTables(database.db)
      .selectFrom('dashboard_traffic')
      .selectAll()
      .where('step', '=', 60_000)
      .execute()
    t.ok(
      rows.every(({ time }) => time > Date.parse('2026-11-25T10:00:00Z')),
      'old rows are deleted',
    )
  },
)

t.test('an app beyond the limit counts in the sum only, and a failing database loses nothing', async (t) => {
  const store = createTrafficStore(database.db, 'busy')
  let broken = true
  const hub = createTraffic({
    sessions,
    clock,
    log: keptLog(),
    store: {
      ...store,
      write: async (rows) => (broken ? Promise.reject(new Error('down')) : store.write(rows)),
    },
  })
  for (let number = 0; number < 600; number++) hub.count(request(`app-${number}`, 200, 1))
  await t.rejects(hub.points('hour'), { message: 'down' })
  broken = false
  t.match((await hub.points('hour')).at(-1), { requests: 601 })
  t.equal((await hub.points('hour', 'app-599')).at(-1)?.requests, 0)
})
