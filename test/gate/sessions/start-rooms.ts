import type { AccessQuery, Log, SessionLimits, Vote } from '@mezite/core'
import { testSecretBox } from '@mezite/core/testing'
import { appKinds } from '../../../core/api/app-kinds.ts'
import type { AuditInput } from '../../../core/api/audit.ts'
import { sessionLimits } from '../../../core/api/session-limits.ts'
import type { SessionEnded } from '../../../core/api/sessions.ts'
import type { NameRelease } from '../../../core/api/users.ts'
import { catalogMigrations } from '../../../core/gate/catalog/migrations.ts'
import { useHere } from '../../../core/gate/sessions/activity.ts'
import { sessionsMigrations } from '../../../core/gate/sessions/migrations.ts'
import { accessMigrations } from '../../../core/gate/users/migrations.ts'
import type { Ballots } from '../../../core/kernel/hook.ts'
import type { OpenDatabase } from '../../../core/state/database/database.ts'
import { createRevisions, type RevisionsLimits } from '../../../core/state/revisions/revisions.ts'
import { operator } from '../../../core/web/server/admin-socket.ts'
import { roleRequirements } from '../../../plugins/rbac/requirements.ts'
import { openTestRooms } from '../../hub/open-test-rooms.ts'
import { openTestDatabase } from '../../state/database/stores.ts'
import { lockChanges } from '../access/lock-changes.ts'

export const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }

export const publicNames = {
  clusterName: 'test',
  hubOrigin: 'https://mezite.example.com',
  signInOrigin: 'https://login.apps.example.com',
  appsDomain: 'apps.example.com',
  appsDomains: ['apps.example.com'],
  portSuffix: '',
  appsOidcConnector: null,
}

export { operator }
export const actor = { subject: operator, clientIp: '', id: 'request-1' }

const migrations = [catalogMigrations, accessMigrations, sessionsMigrations]

/** Catalog, access and sessions of one hub on a real database, its own by default; a hand-moved clock. */
export async function startRooms(
  at?: OpenDatabase,
  { olderHubs = false, ...limits }: RevisionsLimits & { readonly olderHubs?: boolean } = {},
) {
  await at?.migrate(migrations)
  const store = at ?? (await openTestDatabase(migrations))
  let ahead = 0
  let setBackMs = 0
  const clock = { now: () => Date.now() + ahead - setBackMs, monotonic: () => performance.now() + ahead }
  const events: AuditInput[] = []
  const ended: SessionEnded[] = []
  const warnings: string[] = []
  const log: Log = { ...quiet, warn: (_: unknown, message?: string) => void warnings.push(String(message)) }
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
  const kinds = [{ name: 'http', schemes: ['http', 'https'], servedByHub: true }]
  let roleLimits: SessionLimits | undefined
  /** Run, in order, when a name is taken from its holder. */
  const releases: ((release: NameRelease) => Promise<void>)[] = []
  const hook = <Fn extends (...args: never[]) => unknown>(run: Fn) =>
    Object.assign(run, { empty: false, pure: false })
  const rooms = openTestRooms({
    only: ['users', 'access'],
    given: {
      store,
      db: store.db,
      clock,
      log,
      publicNames,
      plugins: [],
      secretBox: testSecretBox(),
      config: { sessions: { stream_staleness: 30_000 } },
      counts: { decision() {} },
      kernel: {
        slot: (ref) => (ref.id === appKinds.id ? kinds : []) as never,
        service: (ref) => (ref.id === sessionLimits.id ? roleLimits : undefined) as never,
        calls: {
          session: { ended: hook((event: SessionEnded) => void ended.push(event)) },
          user: {
            released: hook(async (release: NameRelease) => {
              for (const each of releases) await each(release)
            }),
          },
        },
      },
    },
    instead: {
      // The views are read by the real clock.
      revisions: ({ audit, registry }) =>
        createRevisions(
          {
            store,
            audit,
            registry,
            log: quiet,
            clock: { now: Date.now, monotonic: () => performance.now() },
          },
          limits,
        ),
      audit: () => ({
        recordIn: async (_trx, inputs) => void events.push(...inputs),
        committed() {},
        record: (event) => void events.push(event),
        accepting: true,
      }),
      registry: () => ({ olderHubs }),
      certificates: () => ({
        covers: (host) => ({ ok: host.split('.').length === 4, sans: ['*.apps.example.com'] }),
      }),
      requirements: () => new Map(roleRequirements.map((kind) => [kind.name, kind])),
      decide: () => decide,
      activity: ({ sessions }) => ({ of: async () => useHere(sessions.live) }),
    },
  })
  const { revisions, locks, sessions, catalog, users, accounts, callers, grants, access } = rooms
  await revisions.start()
  return {
    db: store.db,
    migrate: store.migrate,
    revisions,
    clock,
    catalog,
    users,
    accounts,
    callers,
    grants,
    locks: { ...locks, ...lockChanges(locks) },
    releases,
    access,
    sessions,
    events,
    ended,
    warnings,
    decisions: rooms.decisions,
    requirements: rooms.requirements,
    types: () => events.map(({ type }) => type),
    asked: () => asked,
    setPolicy(next: typeof policy) {
      policy = next
    },
    setLimits(next: SessionLimits | undefined) {
      roleLimits = next
    },
    advance(ms: number) {
      ahead += ms
    },
    /** How far the wall clock is set back, on which the monotonic one does not depend. */
    setBack(ms: number) {
      setBackMs = ms
    },
    async stop() {
      await sessions.stop()
      await revisions.stop()
      await store.close()
    },
  }
}

export const appBody = (name: string, spec: object = {}, metadata: object = {}) => ({
  kind: 'app',
  version: 'v1',
  metadata: { name, ...metadata },
  spec: { uri: 'http://10.0.0.1:3000', ...spec },
})
