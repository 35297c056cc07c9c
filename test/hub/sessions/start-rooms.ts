import type { AccessQuery, Log, SessionLimits, Vote } from '@mezite/core'
import { testSecretBox } from '@mezite/core/testing'
import type { AuditInput } from '../../../core/api/audit.ts'
import type { SessionEnded } from '../../../core/api/sessions.ts'
import type { NameRelease } from '../../../core/api/users.ts'
import { operator } from '../../../core/api-server/admin-socket.ts'
import { useHere } from '../../../core/cluster/lone-hub.ts'
import type { OpenDatabase } from '../../../core/database/database.ts'
import { createAccess } from '../../../core/hub/access/access.ts'
import { createCallers } from '../../../core/hub/access/callers.ts'
import { createDecisions } from '../../../core/hub/access/decisions.ts'
import { createGrants } from '../../../core/hub/access/grants.ts'
import { createLocks } from '../../../core/hub/access/locks.ts'
import { accessMigrations } from '../../../core/hub/access/migrations.ts'
import { createCatalog } from '../../../core/hub/catalog/catalog.ts'
import { catalogMigrations } from '../../../core/hub/catalog/migrations.ts'
import { createRevisions, type RevisionsOptions } from '../../../core/hub/revisions/revisions.ts'
import { sessionsMigrations } from '../../../core/hub/sessions/migrations.ts'
import { createSessions, type RunningSessions } from '../../../core/hub/sessions/sessions.ts'
import { createAccounts } from '../../../core/hub/users/accounts.ts'
import { createUsers } from '../../../core/hub/users/users.ts'
import type { Ballots } from '../../../core/kernel/hook.ts'
import { roleRequirements } from '../../../plugins/rbac/requirements.ts'
import { lockChanges } from '../access/lock-changes.ts'
import { openTestDatabase } from '../database/stores.ts'

export const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }

export const publicNames = {
  clusterName: 'test',
  hubOrigin: 'https://mezite.example.com',
  signInOrigin: 'https://login.apps.example.com',
  appsDomain: 'apps.example.com',
  portSuffix: '',
  appsOidcConnector: null,
}

export { operator }
export const actor = { subject: operator, clientIp: '', id: 'request-1' }

const migrations = [catalogMigrations, accessMigrations, sessionsMigrations]

/** Catalog, access and sessions of one hub on a real database, its own by default; a hand-moved clock. */
export async function startRooms(
  at?: OpenDatabase,
  options: Pick<RevisionsOptions, 'olderHubs' | 'changeMs'> = {},
) {
  await at?.migrate(migrations)
  const opened = at ?? (await openTestDatabase(migrations))
  let ahead = 0
  const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead }
  const events: AuditInput[] = []
  const ended: SessionEnded[] = []
  const warnings: string[] = []
  const log: Log = { ...quiet, warn: (_: unknown, message?: string) => void warnings.push(String(message)) }
  const revisions = createRevisions({
    ...opened,
    ...options,
    clock: { now: Date.now, monotonic: () => performance.now() },
    log: quiet,
    audit: () => ({ recordIn: async (_trx, inputs) => void events.push(...inputs), committed() {} }),
  })
  let policy: (query: AccessQuery, vote: Vote) => void = (_query, vote) => vote.allow('access')
  let asked = 0
  const decide = Object.assign(
    (query: AccessQuery, ballot: (plugin: string) => Vote): Ballots<Vote> => {
      asked += 1
      const vote = ballot('test')
      try {
        policy(query, vote)
        return { cast: [vote], failed: [] }
      } catch (error) {
        return { cast: [], failed: [{ plugin: 'test', error: error as Error }] }
      }
    },
    { empty: false, pure: true },
  )
  const running = createLocks({ revisions, clock, log })
  const locks = { ...running, ...lockChanges(running) }
  const catalog = createCatalog({
    revisions,
    publicNames,
    kinds: () => [{ name: 'http', schemes: ['http', 'https'], servedByHub: true }],
    appConfigs: {},
    certificateCovers: (host) => ({ ok: host.split('.').length === 4, sans: ['*.apps.example.com'] }),
    secretBox: testSecretBox(),
    clock,
    log,
  })
  const audit = { record: (event: AuditInput) => void events.push(event), accepting: true }
  let limits: SessionLimits | undefined
  /** Run, in order, when a name is taken from its holder. */
  const releases: ((release: NameRelease) => Promise<void>)[] = []
  const released = async (release: NameRelease) => {
    await grants.release(release)
    for (const each of releases) await each(release)
  }
  const users = createUsers({ revisions, released, clock, log })
  const callers = createCallers({ log })
  const accounts = createAccounts({ users, bots: callers.bots })
  const grants = createGrants({ revisions, accounts, clock, log })
  const requirements = new Map(roleRequirements.map((kind) => [kind.name, kind]))
  const decisions = createDecisions({ decide, requirements, locks, revisions, clock, log })
  const sessions: RunningSessions = createSessions({
    db: opened.db,
    revisions,
    accounts,
    grants,
    locks,
    catalog,
    audit,
    sessionLimits: () => limits,
    endOf: (stream, alone) => access.endOf(stream, alone),
    activityOf: async () => useHere(sessions.live),
    hooks: {
      ended: Object.assign((event: SessionEnded) => void ended.push(event), { empty: false, pure: false }),
    },
    clock,
    log,
  })
  const access = createAccess({
    help: { helpFor: () => [], offersTo: () => [] },
    verify: () => null,
    ...{
      callers,
      catalog,
      decisions,
      sessions,
      locks,
      revisions,
      audit,
      publicNames,
      streamStalenessMs: 30_000,
    },
  })
  await revisions.start()
  return {
    db: opened.db,
    migrate: opened.migrate,
    revisions,
    clock,
    locks,
    catalog,
    users,
    accounts,
    callers,
    grants,
    releases,
    access,
    decisions,
    requirements,
    sessions,
    events,
    ended,
    warnings,
    types: () => events.map(({ type }) => type),
    asked: () => asked,
    setPolicy(next: typeof policy) {
      policy = next
    },
    setLimits(next: SessionLimits | undefined) {
      limits = next
    },
    advance(ms: number) {
      ahead += ms
    },
    async stop() {
      await sessions.stop()
      await revisions.stop()
      await opened.close()
    },
  }
}

export const appBody = (name: string, spec: object = {}, metadata: object = {}) => ({
  kind: 'app',
  version: 'v1',
  metadata: { name, ...metadata },
  spec: { uri: 'http://10.0.0.1:3000', ...spec },
})
