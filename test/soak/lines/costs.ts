import { Agent } from 'node:https'
import pg from 'pg'
import { Children, nextMessage } from '../../bench/children.ts'
import { cpuMicroseconds } from '../../bench/processes.ts'
import { register } from '../../e2e/resources.ts'
import { joinToken } from '../../e2e/start-agent.ts'
import { until } from '../../until.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import type { ManyAgentsJob } from '../programs/many-agents.ts'
import { startOneHub, unlimited } from '../start-one-hub.ts'

const AGENTS = 200
const APPS = 300
const PEOPLE = 100
const REQUESTS = 3_000
const SESSIONS = 50_000
const AT_ONCE = 16
const IDLE_MS = 30_000
/** PostgreSQL publishes its counters with a delay. */
const SETTLE_MS = 3_000

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export const costs = {
  name: 'costs',
  summary: `what one agent, app, person and request cost a hub: ${AGENTS}, ${APPS}, ${PEOPLE} and ${REQUESTS} of them`,
  async run(run: SoakRun): Promise<Outcome> {
    const { options, teardown, dir } = run
    const one = await startOneHub(run, {}, { env: unlimited })
    const { hub, site } = one
    const database = new pg.Client(site.databaseUrl)
    await database.connect()
    teardown(() => database.end())
    const children = new Children()
    teardown(() => children.stop())
    const figures: SoakFigure[] = []
    const add = (what: string, value: number, unit: string): void => {
      figures.push({ what, value, unit, limit: null })
      options.progress(`  ${what}: ${value.toPrecision(3)} ${unit}`)
    }
    const read = async () => {
      await pause(SETTLE_MS)
      const { rows } = await database.query<{ rows: string; wal: string }>(
        `SELECT tup_inserted + tup_updated + tup_deleted AS rows, pg_current_wal_lsn() - '0/0' AS wal
           FROM pg_stat_database WHERE datname = current_database()`,
      )
      const cpu = cpuMicroseconds(hub.program.pid)
      const memoryKb = (await one.heldMb(hub.program)) * 1024
      // The collection itself is not a cost.
      return {
        cpu,
        cpuAfter: cpuMicroseconds(hub.program.pid),
        memoryKb,
        wal: Number(rows[0]?.wal),
        rows: Number(rows[0]?.rows),
      }
    }
    /** What the hub does by itself, in a millisecond. */
    let background = { cpu: 0, rows: 0 }
    const elapsed = async (act: () => Promise<unknown>) => {
      const before = await read()
      const at = performance.now()
      await act()
      const ms = performance.now() - at
      const after = await read()
      return {
        ms,
        cpu: after.cpu - before.cpuAfter - background.cpu * ms,
        rows: after.rows - before.rows - background.rows * ms,
        memoryKb: after.memoryKb - before.memoryKb,
        wal: after.wal - before.wal,
      }
    }
    /** What `act` costs besides, divided by `count`. */
    const each = async (what: string, count: number, act: () => Promise<unknown>) => {
      const cost = await elapsed(act)
      add(`memory of ${what}`, cost.memoryKb / count, 'KiB')
      add(`processor time of ${what}`, cost.cpu / 1_000 / count, 'ms')
      add(`rows written for ${what}`, cost.rows / count, '')
      add(`write-ahead log of ${what}`, cost.wal / 1024 / count, 'KiB')
    }
    /** What they cost while nothing happens. */
    const idle = async (what: string, count: number) => {
      const { ms, cpu, rows } = await elapsed(() => pause(IDLE_MS))
      add(`processor time of ${what}`, (cpu / 1e6 / count / ms) * 3_600_000, 's an hour')
      add(`rows written for ${what}`, (rows / count / ms) * 3_600_000, 'an hour')
      background = { cpu: background.cpu + cpu / ms, rows: background.rows + rows / ms }
    }
    const crowd = async (count: number, act: (at: number) => Promise<unknown>, atOnce = AT_ONCE) => {
      let at = 0
      const work = async () => {
        while (at < count && !run.signal.aborted) await act(at++)
      }
      await Promise.all(Array.from({ length: atOnce }, work))
    }

    // What the first of each costs is not what one costs.
    const alice = await one.signIn('alice')
    const agent = new Agent({ keepAlive: true, ...(alice.ca === undefined ? {} : { ca: alice.ca }) })
    teardown(() => agent.destroy())
    const request = () => alice.fetch(`${one.liveUrl}/download?bytes=1000`, { agent })
    await crowd(200, request)
    await idle('a hub without work', 1)
    await each('a request', REQUESTS, () => crowd(REQUESTS, request))
    await each('a person who signs in and opens an app', PEOPLE, () =>
      // The provider signs in the person that it was given last.
      crowd(PEOPLE, (at) => one.signIn(`person-${at}`), 1),
    )
    // As if they had been opened, and further than hubs replay, so that the hub loads them.
    const holding = await elapsed(async () => {
      await database.query(
        `INSERT INTO sessions (id, hash, kind, user_name, connector, app_id, parent_id, client_ip, satisfied, created,
           expires, idle_ms, last_used)
         SELECT 'many-' || i, 'many-' || i, 'hub', 'alice', 'sso', NULL, NULL, '127.0.0.1', '[]', $1, $2, 0, $1
         FROM generate_series(1, $3::int) i`,
        [Date.now(), Date.now() + 3_600_000, SESSIONS],
      )
      await database.query(`UPDATE change_sequence SET n = n + 5000, tag = gen_random_uuid()`)
      await database.query(
        `INSERT INTO change_log (n, tag, touched) SELECT n, tag, '[]' FROM change_sequence`,
      )
      const listed = async () => (await hub.api<{ sessions: number }>('GET', '/status')).sessions
      await until(async () => (await listed()) >= SESSIONS, 'the hub knows them')
    })
    add('memory of a session', holding.memoryKb / SESSIONS, 'KiB')
    await each('an agent that joins', AGENTS, async () => {
      const joins: { hostname: string; token: string }[] = []
      let pin = ''
      await crowd(AGENTS, async (at) => {
        const hostname = `many-${at}`
        const { token, ca_pin } = await joinToken(hub.api, hostname)
        joins.push({ hostname, token })
        pin = ca_pin
      })
      const { child } = await children.program(new URL('../programs/many-agents.ts', import.meta.url))
      const job: ManyAgentsJob = { proxy: `hub.mezite.localhost:${hub.port}`, pin, dir, joins }
      child.send(job)
      await nextMessage(child)
      await until(async () => {
        const agents = await hub.api<{ connected: boolean }[]>('GET', '/agents')
        return agents.filter((agent) => agent.connected).length > AGENTS
      }, 'all agents are connected')
    })
    await idle('a connected agent', AGENTS)
    await each('an app', APPS, () =>
      crowd(APPS, (at) => register(hub.api, `app-${at}`, one.livePort, { agents: ['node-1'] })),
    )
    await idle('an app of one agent', APPS)
    return { growths: [], figures }
  },
}
