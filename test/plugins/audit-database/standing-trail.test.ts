// needs: PostgreSQL
/** The audit trail of the standing data: what pictures, the bench and tests of pages with much to show are made of. */
import t from 'tap'
import { createTestHub } from '../../../core/testing/test-hub.ts'
import { largeData, STANDING } from '../../large-data.ts'
import { large } from '../../large-rows.ts'
import { ownPostgresStore } from '../../state/database/postgres-stores.ts'

const LONGEST_MS = 60_000
const DAY_MS = 86_400_000

t.test('200,000 events of people, apps and agents of the data are there within a minute', async (t) => {
  const store = await ownPostgresStore()
  t.teardown(() => store.close())
  const begun = performance.now()
  const data = largeData(STANDING)
  const hub = await createTestHub({ plugins: [data.plugin], config: { database: await store.config() } })
  t.teardown(() => hub.stop())
  await data.filled
  const ms = performance.now() - begun
  t.ok(ms < LONGEST_MS, `${ms.toFixed(0)} ms`)
  const get = <T>(path: string) => hub.api<T>('GET', path)
  const from = new Date(Date.now() - 10 * DAY_MS).toISOString()
  const visits = await get<{ user: string; app: string; requests: number }[]>(
    `/visits?from=${from}&app=${large.app(0)}`,
  )
  t.ok(visits.length > 10, `${visits.length} people opened an app`)
  const people = new Set((await get<{ name: string }[]>('/users?limit=1000&q=anna')).map(({ name }) => name))
  const annas = visits.filter(({ user }) => user.startsWith('anna'))
  t.ok(
    annas.every(({ user }) => people.has(user)),
    'they are people of the data',
  )
  const [event] = await get<{ user: string; agent: string; app: string }[]>(
    `/audit?type=app.request&app=${large.app(0)}&limit=1`,
  )
  const agents = (await get<{ hostname: string }[]>('/agents')).map(({ hostname }) => hostname)
  t.ok(agents.includes(event!.agent), `${event?.agent} serves it`)
  const { points } = await get<{ points: { requests: number; errors: number }[] }>('/traffic?range=day')
  const requests = points.reduce((sum, point) => sum + point.requests, 0)
  t.ok(requests > 15_000 && requests < 25_000, `${requests} requests on a day`)
  t.ok(points.some(({ errors }) => errors > 0))
  const all = await get<{ requests: number }[]>(`/visits?from=${from}`)
  t.equal(all.length, 500)
})
