import { createHash } from 'node:crypto'
import pg from 'pg'
import { APP_COOKIE } from '../../../plugins/http-apps/request/cookies.ts'
import { Children, nextMessage } from '../../bench/children.ts'
import { cpuMicrosecondsOfEach, residentKb, watchMachine } from '../../bench/processes.ts'
import { register } from '../../e2e/resources.ts'
import { joinToken } from '../../e2e/start-agent.ts'
import { until } from '../../until.ts'
import { growthOf, type Sample } from '../growth.ts'
import { percentile } from '../limits/percentile.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import type { ManyAgentsJob } from '../programs/many-agents.ts'
import type { ManyPeopleCount, ManyPeopleJob } from '../programs/many-people.ts'
import { type OneHub, startOneHub, unlimited } from '../start-one-hub.ts'

/** In the proportions of the installation of the documentation's page about sizing; a person asks every six seconds. */
const sizeOf = (requestsAMinute: number) => ({
  people: Math.ceil(requestsAMinute / 10),
  apps: Math.ceil(requestsAMinute / 100),
  agents: Math.ceil(requestsAMinute / 200),
})
type Size = ReturnType<typeof sizeOf>
/** Joins and registrations at the same time. */
const AT_ONCE = 8
const LOOK_MS = 20_000
/** The browsers reach their full rate in the first half of it. */
const WARM_UP_MS = 40_000
/** Between two whole sign-ins by the pages, beside the requests. */
const SIGN_IN_MS = 2_000
const JOINED_MS = 300_000
/** More than hubs replay one by one, so that they read all sessions again. */
const FURTHER = 5_000

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export const largeInstallation = {
  name: 'large-installation',
  summary:
    '--requests a minute of a tenth as many people, with apps and agents in proportion, at one hub, for --minutes',
  async run(run: SoakRun): Promise<Outcome> {
    const { options, teardown, signal } = run
    const size = sizeOf(options.requests)
    const one = await startOneHub(run, {}, { env: unlimited })
    const { hub, site } = one
    const database = new pg.Client(site.databaseUrl)
    // A server that stops first ends it.
    database.on('error', () => {})
    await database.connect()
    teardown(() => database.end())
    const children = new Children()
    teardown(() => children.stop())

    options.progress(`  ${size.agents} agents join`)
    const agents = await joinAgents(run, one, children, size.agents)
    options.progress(`  ${size.apps} apps`)
    await crowd(size.apps, signal, (at) =>
      register(hub.api, `app-${at}`, one.livePort, { agents: [`many-${at % size.agents}`] }),
    )
    options.progress(`  ${size.people} people`)
    const { ca = '' } = await one.signIn('first')
    const people = await admitPeople(one, database, size)

    const { child: browsers } = await children.program(new URL('../programs/many-people.ts', import.meta.url))
    const counted = async (): Promise<ManyPeopleCount> => {
      const count = nextMessage(browsers) as Promise<ManyPeopleCount>
      browsers.send('count')
      return await count
    }
    const started = nextMessage(browsers)
    browsers.send({
      port: Number(new URL(one.liveUrl).port),
      ca,
      people,
      perSecond: options.requests / 60,
    } satisfies ManyPeopleJob)
    await started

    const over = performance.now() + WARM_UP_MS + options.minutes * 60_000
    const signIns = { took: [] as number[], failed: 0 }
    const signingIn = signInAgainAndAgain(one, signIns, () => performance.now() > over || signal.aborted)
    const pids = [hub.program.pid, agents, await postgresPid(database), browsers.pid ?? 0, one.live.pid]
    const sizes = await trailBytes(database)
    // Connections, compiled code and contexts of the trail are of the beginning.
    await pause(WARM_UP_MS)
    await counted()
    const [before, from, machine] = [cpuMicrosecondsOfEach(pids), performance.now(), watchMachine()]
    const counts: ManyPeopleCount[] = []
    const heap: Sample[] = []
    while (performance.now() < over && !signal.aborted) {
      await pause(Math.min(LOOK_MS, over - performance.now()))
      const count = await counted()
      counts.push(count)
      heap.push({ atMs: performance.now(), value: await one.heapMb(hub.program) })
      options.progress(
        `  ${Math.round((count.ok * 60) / count.seconds)} requests a minute, p99 ${Math.round(count.p99Ms)} ms (${Math.round(count.connectionP99Ms)} ms until there was a connection), ${count.connections} connections opened, ${count.waiting} wait, failed ${JSON.stringify(count.failed)}`,
      )
    }
    const [after, ms] = [cpuMicrosecondsOfEach(pids), performance.now() - from]
    const { idle, strangers } = machine()
    const { queued } = await trailQueue(one)
    await signingIn
    const ok = sum(counts.map((each) => each.ok))
    const failed = sum(counts.flatMap((each) => Object.values(each.failed)))
    const grown = (await trailBytes(database)) - sizes
    const figure = (what: string, value: number, unit: string, limit: SoakFigure['limit'] = null) =>
      ({ what, value, unit, limit }) satisfies SoakFigure
    const cpu = (what: string, at: number): SoakFigure[] => {
      const us = (after[at] ?? 0) - (before[at] ?? 0)
      return [
        figure(`processor time of ${what}`, us / ok, 'us a request'),
        figure(`processor time of ${what}, of one core`, us / ms / 10, '%'),
      ]
    }
    const rate = (ok / ms) * 60_000
    return {
      growths: [growthOf('hub: heap after collection', 'MB', heap, { absolute: 64, share: 0.1 })],
      figures: [
        figure('requests a minute', rate, '', { kind: 'least', value: options.requests * 0.97 }),
        figure('requests that failed', failed, '', { kind: 'most', value: 0 }),
        figure('p50, median of the looks', percentile(pick(counts, 'p50Ms'), 0.5), 'ms'),
        figure('p99, median of the looks', percentile(pick(counts, 'p99Ms'), 0.5), 'ms'),
        figure(
          'until there was a connection, p99, median',
          percentile(pick(counts, 'connectionP99Ms'), 0.5),
          'ms',
        ),
        figure('connections of browsers that were opened', sum(counts.map((each) => each.connections)), ''),
        figure('sign-ins by the pages meanwhile', signIns.took.length, ''),
        figure('sign-ins that failed', signIns.failed, '', { kind: 'most', value: 0 }),
        figure('a sign-in by the pages, p50', percentile(signIns.took, 0.5), 'ms'),
        ...cpu('the hub', 0),
        ...cpu(`${size.agents} agents in one process`, 1),
        ...cpu('PostgreSQL', 2),
        ...cpu('the browsers', 3),
        ...cpu('the application', 4),
        figure('of the machine, idle', idle * 100, '%'),
        // With more than a few percent the rate says nothing about the hub.
        figure('of the machine, used by others', strangers * 100, '%'),
        figure('resident memory of the hub', residentKb(hub.program.pid) / 1_000, 'MB'),
        figure('the trail on disk with its indexes', grown / ok, 'bytes a request'),
        figure('events that wait for the trail at the end', queued, ''),
      ],
    }
  },
}

const pick = (counts: readonly ManyPeopleCount[], key: 'p50Ms' | 'p99Ms' | 'connectionP99Ms'): number[] =>
  counts.map((each) => each[key])

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

async function crowd(count: number, signal: AbortSignal, act: (at: number) => Promise<unknown>) {
  let next = 0
  const work = async () => {
    while (next < count) {
      signal.throwIfAborted()
      await act(next++)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

/** The process of all agents. */
async function joinAgents(
  { dir, signal }: SoakRun,
  { hub }: OneHub,
  children: Children,
  count: number,
): Promise<number> {
  const joins: { hostname: string; token: string }[] = []
  let pin = ''
  await crowd(count, signal, async (at) => {
    const hostname = `many-${at}`
    const { token, ca_pin } = await joinToken(hub.api, hostname)
    joins.push({ hostname, token })
    pin = ca_pin
  })
  const { child } = await children.program(new URL('../programs/many-agents.ts', import.meta.url))
  child.send({ proxy: `hub.mezite.localhost:${hub.port}`, pin, dir, joins } satisfies ManyAgentsJob)
  await nextMessage(child)
  await until(
    async () => {
      const all = await hub.api<{ connected: boolean }[]>('GET', '/agents')
      return all.filter((agent) => agent.connected).length > count
    },
    'all agents are connected',
    JOINED_MS,
  )
  return child.pid ?? 0
}

/** Puts people with a session at one of the apps into the database, as if they had signed in, and lets the hub read them. */
async function admitPeople(
  { hub, liveUrl }: OneHub,
  database: pg.Client,
  size: Size,
): Promise<ManyPeopleJob['people']> {
  const { rows } = await database.query<{ id: string; name: string }>(
    `SELECT id, name FROM apps WHERE name LIKE 'app-%'`,
  )
  const ids = new Map(rows.map(({ id, name }) => [name, id]))
  const tokens = Array.from({ length: size.people }, (_, at) => `soak-${at}`.padEnd(43, '_'))
  const hashes = tokens.map((token) => createHash('sha256').update(token).digest('base64url'))
  const apps = tokens.map((_, at) => ids.get(`app-${at % size.apps}`) ?? '')
  await database.query(
    `INSERT INTO users (key, name, own_roles, mapped_roles, created)
      SELECT 'soak-' || n, 'soak-' || n, '["access"]', '[]', 0 FROM generate_series(0, $1::int - 1) AS n`,
    [size.people],
  )
  const now = Date.now()
  await database.query(
    `INSERT INTO sessions (id, hash, kind, user_name, app_id, client_ip, satisfied, created, expires, idle_ms, last_used)
    SELECT 'soak-' || n, hash, 'app', 'soak-' || (n - 1), app, '127.0.0.1', '[]', $1::float8, $2::float8, 0, $1::float8
    FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS given (hash, app, n)`,
    [now, now + 86_400_000, hashes, apps],
  )
  await database.query(`UPDATE change_sequence SET n = n + ${FURTHER}, tag = gen_random_uuid()`)
  await database.query(`INSERT INTO change_log (n, tag, touched) SELECT n, tag, '[]' FROM change_sequence`)
  const listed = async () => (await hub.api<{ sessions: number }>('GET', '/status')).sessions
  await until(async () => (await listed()) >= size.people, 'the hub knows their sessions', 60_000)
  const host = new URL(liveUrl).hostname
  return tokens.map((token, at) => ({
    host: host.replace(/^live\b/, `app-${at % size.apps}`),
    cookie: `${APP_COOKIE}=${token}`,
  }))
}

async function signInAgainAndAgain(
  one: OneHub,
  signIns: { readonly took: number[]; failed: number },
  isOver: () => boolean,
): Promise<void> {
  for (let n = 0; !isOver(); n++) {
    const began = performance.now()
    await one.signIn(`morning-${n}`).then(
      () => signIns.took.push(performance.now() - began),
      () => {
        signIns.failed += 1
      },
    )
    await pause(SIGN_IN_MS)
  }
}

async function trailQueue({ hub }: OneHub): Promise<{ queued: number }> {
  const { audit } = await hub.api<{ audit: { queued: number }[] }>('GET', '/status')
  return { queued: audit.reduce((sum, { queued }) => sum + queued, 0) }
}

/** Of partitions too, in bytes. */
async function trailBytes(database: pg.Client): Promise<number> {
  const { rows } = await database.query<{ bytes: string }>(
    `SELECT coalesce(sum(pg_total_relation_size(oid)), 0) AS bytes FROM pg_class
    WHERE relkind = 'r' AND relname LIKE 'audit_database_%'`,
  )
  return Number(rows[0]?.bytes)
}

/** Of the parent of the server's processes. */
async function postgresPid(database: pg.Client): Promise<number> {
  const { rows } = await database.query<{ pid: string }>(
    `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`,
  )
  return Number(rows[0]?.pid)
}
