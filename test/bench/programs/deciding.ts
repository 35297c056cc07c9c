/**
 * Routes and decides in a hub that holds much: 10,000 apps, 1,000 roles, 100,000 sessions of 10,000 people, put into
 * its database as rows before it reads them. Tells when it is ready and then, for each message, the processor time of each in
 * microseconds. Ends when told.
 */
import { createHash } from 'node:crypto'
import { catalog, type Database, defineHubPlugin, migrations, sessionLimits } from '@mezite/core'
import { access } from '@mezite/core/protocol'
import { createTestHub } from '../../../core/testing/index.ts'
import { anyTables } from '../../any-tables.ts'
import type { DecidingResult } from '../rows/deciding.ts'
import { median } from '../statistics.ts'

const APPS = 10_000
const ROLES = 1_000
const USERS = 10_000
const SESSIONS = 100_000
const CHUNK = 2_000
/** Sessions that ask in a round, spread over all; each round has its own, so that there is a first time in each. */
const ASKED = 2_500
const MOST_ROUNDS = SESSIONS / ASKED
const PASSES = 5
const HOUR_MS = 3_600_000
/** Roles of one person at one app; with rules, five in each. */
const RULED_ROLES = 20
/** Requests for paths that differ, so that nothing is remembered about one. */
const TARGETS = Array.from({ length: 5_000 }, (_, at) => `/part-${at % 40}/users/${at}?page=2`)

const tokenOf = (session: number | string): string => `bench-session-${session}`.padEnd(43, '_')
const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64url')
const appOf = (session: number): number => (session * 7) % APPS
/** The role that a person has, and that the label of the app wants. */
const teamOf = (number: number): number => number % ROLES

async function insert(
  db: Database,
  table: string,
  count: number,
  row: (at: number) => object,
): Promise<void> {
  for (let from = 0; from < count; from += CHUNK) {
    const some = Array.from({ length: Math.min(CHUNK, count - from) }, (_, at) => row(from + at))
    await anyTables(db).insertInto(table).values(some).execute()
  }
}

const document = (kind: string, metadata: object, spec: object): string =>
  JSON.stringify({ kind, version: 'v1', metadata, spec })

/** Five rules, of which one in twenty roles is about the first segment of a path of `TARGETS`. */
const rulesOf = (role: number) =>
  Array.from({ length: 5 }, (_, at) => ({
    name: `rule-${at}`,
    methods: at % 2 === 0 ? ['GET', 'HEAD'] : ['POST', 'DELETE'],
    paths: [`/part-${role * 2 + ((at >> 1) % 2)}/**`, `/other-${role}-${at}/*/keys`],
  }))

async function fill(db: Database): Promise<void> {
  const now = Date.now()
  await insert(db, 'rbac_roles', ROLES, (at) => ({
    name: `team-${at}`,
    document: document('role', { name: `team-${at}` }, { allow: { app_labels: { team: `team-${at}` } } }),
    updated: now,
  }))
  for (const kind of ['ruled', 'plain']) {
    const more = (role: number) => (kind === 'ruled' ? { app_rules: rulesOf(role) } : {})
    await insert(db, 'rbac_roles', RULED_ROLES, (at) => ({
      name: `${kind}-${at}`,
      document: document('role', { name: `${kind}-${at}` }, { allow: { app_labels: { kind }, ...more(at) } }),
      updated: now,
    }))
    await insert(db, 'apps', 1, () => ({
      id: kind,
      name: kind,
      public_addr: `${kind}.apps.mezite.localhost`,
      document: document(
        'app',
        { name: kind, labels: { kind } },
        { uri: 'http://127.0.0.1:1', agents: ['bench'] },
      ),
      created: now,
      updated: now,
    }))
    await insert(db, 'users', 1, () => ({
      key: `${kind}@example.test`,
      name: `${kind}@example.test`,
      own_roles: JSON.stringify(Array.from({ length: RULED_ROLES }, (_, role) => `${kind}-${role}`)),
      mapped_roles: '[]',
      created: now,
    }))
    await insert(db, 'sessions', 1, () => ({
      ...{
        id: kind,
        hash: hashOf(tokenOf(kind)),
        kind: 'app',
        user_name: `${kind}@example.test`,
        app_id: kind,
      },
      client_ip: '127.0.0.1',
      satisfied: '[]',
      created: now,
      last_used: now,
      expires: now + HOUR_MS,
      idle_ms: 0,
    }))
  }
  await insert(db, 'apps', APPS, (at) => ({
    id: `app-${at}`,
    name: `app-${at}`,
    public_addr: `app-${at}.apps.mezite.localhost`,
    document: document(
      'app',
      { name: `app-${at}`, labels: { env: 'demo', team: `team-${teamOf(at)}` } },
      { uri: 'http://127.0.0.1:1', agents: ['bench'] },
    ),
    created: now,
    updated: now,
  }))
  await insert(db, 'users', USERS, (at) => ({
    key: `user-${at}@example.test`,
    name: `user-${at}@example.test`,
    own_roles: JSON.stringify([0, 1, 2, 3, 4].map((role) => `team-${teamOf(at * 7 + role)}`)),
    mapped_roles: '[]',
    created: now,
  }))
  await insert(db, 'sessions', SESSIONS, (at) => ({
    id: `session-${at}`,
    hash: hashOf(tokenOf(at)),
    kind: 'app',
    user_name: `user-${at % USERS}@example.test`,
    app_id: `app-${appOf(at)}`,
    client_ip: '127.0.0.1',
    satisfied: '[]',
    created: now,
    last_used: now,
    expires: now + HOUR_MS,
    idle_ms: 0,
  }))
}

const plugin = defineHubPlugin({
  name: 'bench-deciding',
  api: 1,
  summary: 'Fills the database, then routes and decides',
  // rbac provides the limits, so that its table is there before the rows.
  needs: { access, catalog, sessionLimits },
  provides: { migrations },
  setup({ use, provide }) {
    provide.migrations({ owner: 'bench-deciding', migrations: { '0001-rows': { up: fill } } })
    const query = { protocol: 'http', clientIp: '127.0.0.1', requestId: '' } as const
    const request = { method: 'GET', target: '/reports/2026?page=2' }
    const decide = (host: string, token: string, more: object): void => {
      const outcome = use.access.admit({
        ...query,
        ...more,
        who: { kind: 'app', token },
        app: use.catalog.byHost(host),
      })
      if (outcome instanceof Promise || outcome.outcome !== 'admitted')
        throw new Error(`${host} is not allowed`)
      outcome.close()
    }
    const pass = (round: number, more: object = {}): number => {
      const asked = Array.from({ length: ASKED }, (_, at) => {
        const session = at * MOST_ROUNDS + round
        return { host: `app-${appOf(session)}.apps.mezite.localhost`, token: tokenOf(session) }
      })
      const begun = process.threadCpuUsage()
      for (const { host, token } of asked) decide(host, token, more)
      const { user, system } = process.threadCpuUsage(begun)
      return (user + system) / ASKED
    }
    const requests = (kind: 'ruled' | 'plain'): number => {
      const [host, token] = [`${kind}.apps.mezite.localhost`, tokenOf(kind)]
      const begun = process.threadCpuUsage()
      for (const target of TARGETS) decide(host, token, { request: { method: 'GET', target } })
      const { user, system } = process.threadCpuUsage(begun)
      return (user + system) / TARGETS.length
    }
    measure = (round) => {
      const firstUs = pass(round)
      // In turns, so that both see the same machine.
      const again = Array.from({ length: PASSES }, () => [pass(round), pass(round, { request })] as const)
      const [againUs, requestUs] = [0, 1].map((at) => median(again.map((one) => one[at]!)))
      const rules = Array.from({ length: PASSES }, () => [requests('ruled'), requests('plain')] as const)
      const [ruledUs, plainUs] = [0, 1].map((at) => median(rules.map((one) => one[at]!)))
      return { firstUs, againUs: againUs!, requestUs: requestUs!, ruledUs: ruledUs!, plainUs: plainUs! }
    }
  },
})

let measure: (round: number) => DecidingResult
const hub = await createTestHub({ plugins: [plugin] })
process.on('SIGTERM', () => void hub.stop().then(() => process.exit(0)))
let rounds = 0
process.on('message', () => {
  if (rounds === MOST_ROUNDS) throw new Error(`there are sessions for ${MOST_ROUNDS} rounds`)
  process.send?.(measure(rounds++))
})
process.send?.({ ready: true })
