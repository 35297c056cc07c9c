import { type AuditSink, auditSinks } from '../api/audit.ts'
import { certificates as certificateSources } from '../api/certificates.ts'
import { credentials } from '../api/credentials.ts'
import { type Migrations, migrations } from '../api/database.ts'
import { requirements as requirementKinds } from '../api/requirement.ts'
import { sessionLimits } from '../api/session-limits.ts'
import { homeLinks, signInMethods } from '../api/sign-in.ts'
import { webRoutes } from '../api/web-routes.ts'
import { sayWhatWaits } from '../base/log/wait-notice.ts'
import { createAccess } from '../gate/access/access.ts'
import { createAccountGroups } from '../gate/access/account-groups.ts'
import { createCallers } from '../gate/access/callers.ts'
import { createDecisions } from '../gate/access/decisions.ts'
import { createExplanation } from '../gate/access/explanation.ts'
import { createGrants } from '../gate/access/grants.ts'
import { createLocks } from '../gate/access/locks.ts'
import { registerRequirements } from '../gate/access/requirements.ts'
import { createVerification } from '../gate/access/verification.ts'
import { createCatalog } from '../gate/catalog/catalog.ts'
import { catalogMigrations } from '../gate/catalog/migrations.ts'
import { createEnrolment } from '../gate/enrolment/enrolment.ts'
import { createJoinAcceptor } from '../gate/enrolment/join-acceptor.ts'
import { createJoinTokens } from '../gate/enrolment/join-tokens.ts'
import { createAuthorities } from '../gate/pki/certificate-authorities.ts'
import { keysMigrations } from '../gate/pki/migrations.ts'
import { createCutReports } from '../gate/sessions/cut-reports.ts'
import { sessionsMigrations } from '../gate/sessions/migrations.ts'
import { createSessions } from '../gate/sessions/sessions.ts'
import { createAccounts } from '../gate/users/accounts.ts'
import { accessMigrations } from '../gate/users/migrations.ts'
import { createUsers } from '../gate/users/users.ts'
import { MezError } from '../kernel/error.ts'
import type { Log } from '../kernel/log.ts'
import { duringSetup } from '../kernel/setup-turn.ts'
import { createAudit } from '../state/audit/audit.ts'
import { prepareDataDir } from '../state/database/data-dir.ts'
import { openDatabase } from '../state/database/database.ts'
import { hubsMigrations } from '../state/hubs/migrations.ts'
import { createJobs } from '../state/jobs/jobs.ts'
import { jobsMigrations } from '../state/jobs/migrations.ts'
import { createRevisions } from '../state/revisions/revisions.ts'
import { openSecretBox } from '../state/secrets/key-verification.ts'
import { createCertificates } from '../traffic/certificates/certificates.ts'
import { createCarrierGate } from '../traffic/tunnel/carrier-gate.ts'
import { tunnelMigrations } from '../traffic/tunnel/migrations.ts'
import { createTunnel } from '../traffic/tunnel/tunnel.ts'
import { createDenialHelp } from '../web/desk/denial-help.ts'
import { challengeThrough } from '../web/desk/refusals.ts'
import { createSignIn } from '../web/desk/sign-in.ts'
import { createSignInRate } from '../web/desk/sign-in-rate.ts'
import { createPages } from '../web/pages/pages.ts'
import type { HubConfig } from './config/hub-config.ts'
import type { HubServices } from './config/hub-services.ts'
import { createHubState } from './hub-state.ts'
import { loneHub } from './lone-hub.ts'
import { type Given, makeRooms, type RoomList, type Rooms } from './room.ts'

const PRUNING_MS = 10 * 60_000

/** Migrations of the rooms, in order; those of plugins run after them. */
export const roomMigrations: readonly Migrations[] = [
  keysMigrations,
  catalogMigrations,
  accessMigrations,
  sessionsMigrations,
  tunnelMigrations,
  hubsMigrations,
  jobsMigrations,
]

/** How each room of a hub is made. In this order, their views of access data are loaded, and they hear of changes. */
export const hubRooms: RoomList = {
  certificates: ({ config, kernel, parts, publicNames, clock, log }) =>
    createCertificates({
      publicNames,
      clock,
      log,
      main: config.proxy.https_keypair ?? null,
      apps: config.proxy.apps_keypair ?? null,
      sources: () => kernel.slot(certificateSources),
      develop: (names) => parts.developmentCertificate(names, { config, clock, log }),
    }),
  audit: createAudit,
  registry: ({ cluster, store, instanceId, hubVersion: version, clock, log }) =>
    cluster.createRegistry({ ...store, instanceId, version, clock, log }),
  revisions: createRevisions,
  authorities: createAuthorities,
  catalog: createCatalog,
  users: createUsers,
  callers: createCallers,
  accounts: createAccounts,
  grants: createGrants,
  locks: createLocks,
  requirements: () => new Map(),
  decide: ({ kernel }) => kernel.calls.access.decide,
  decisions: createDecisions,
  sessions: createSessions,
  verify: createVerification,
  help: createDenialHelp,
  access(rooms) {
    const access = createAccess(rooms)
    rooms.revisions.onApplied(access.recheckUnowned)
    return access
  },
  peers: (rooms) => rooms.cluster.createPeers(rooms),
  createRelay(rooms) {
    const { authorities, cluster, clusterName, instanceId, peers, registry, revisions, clock, log } = rooms
    if (peers === undefined || !('createAgentRelay' in cluster)) return null
    const { createAgentRelay } = cluster
    const of = { authorities, clusterName, instanceId, peers, registry, revisions, clock, log }
    return (own) => createAgentRelay({ ...of, ...own })
  },
  joinTokens: createJoinTokens,
  enrolment: createEnrolment,
  joins: createJoinAcceptor,
  carriers: createCarrierGate,
  tunnel: createTunnel,
  cuts: createCutReports,
  activity: (rooms) => rooms.cluster.createActivity(rooms),
  jobs({ db, instanceId, counts: { metrics }, sessions, log }) {
    const jobs = createJobs({ db, instanceId, metrics, log })
    const pruning = { name: 'sessions-pruning', everyMs: PRUNING_MS, run: sessions.purge }
    duringSetup('sessions', () => jobs.service.add(pruning))
    return jobs
  },
  hubState: createHubState,
  pages: ({ kernel, publicNames, config }) =>
    createPages({
      publicNames,
      brand: config.brand,
      navigation: () => kernel.slot(homeLinks),
      routes: () => kernel.slot(webRoutes),
    }),
  explain: createExplanation,
  groups: createAccountGroups,
  signIn(rooms) {
    const { secretBox, users, sessions, access, locks, requirements, catalog, audit, revisions } = rooms
    const { explain, pages, kernel, publicNames, clock, log } = rooms
    return createSignIn({
      secretBox,
      users,
      sessions,
      access,
      locks,
      requirements,
      catalog,
      audit,
      revisions,
      explain,
      pages,
      publicNames,
      clock,
      log,
      rate: createSignInRate(clock),
      sessionLimits: () => kernel.service(sessionLimits),
      challenge: challengeThrough(kernel.calls.access.challenge, publicNames.signInOrigin),
      methods: () => kernel.slot(signInMethods),
    })
  },
}

/** Opens the database, and makes the rooms without starting them. */
export async function openRooms(
  options: Omit<Given, 'publicNames' | 'clusterName' | 'store' | 'db' | 'secretBox' | 'cluster'>,
  { patient, copiedKey }: { readonly patient?: boolean; readonly copiedKey?: Buffer | undefined } = {},
): Promise<Rooms> {
  const { config, counts, log, onClose } = options
  const { data_dir: dataDir, publicNames } = config
  await prepareDataDir(dataDir)
  const url = urlOf(config)
  const target =
    url === null ? { driver: 'embedded' as const, dataDir } : { driver: 'postgres' as const, url }
  const store = await openDatabase(target, { log, patient, onQuery: counts.query })
  onClose(() => store.close())
  const { db } = store
  const rooms = makeRooms<Given, Rooms>(
    {
      ...options,
      publicNames,
      clusterName: publicNames.clusterName,
      store,
      db,
      secretBox: await openSecretBox({ dataDir, db, copiedKey }),
      cluster: url === null ? loneHub : await import('./several-hubs.ts'),
    },
    hubRooms,
  )
  onClose(() => rooms.certificates.close())
  return rooms
}

/** The URL of the configured PostgreSQL; null: the database is embedded. */
const urlOf = ({ database }: HubConfig): string | null =>
  database.driver === 'postgres' ? (database.url ?? '') : null

/** What the rooms provide to plugins. */
export function servicesOf(rooms: Rooms): HubServices {
  const { authorities, catalog, config, counts, kernel, joinTokens, tunnel, users } = rooms
  return {
    ...rooms,
    administration: {
      apps: { ...catalog, probe: tunnel.probe },
      users,
      joinTokens,
      authorities: { phaseOf: authorities.phaseOf, rotate: authorities.rotate, waiting: tunnel.waiting },
    },
    grants: rooms.grants.service,
    database: rooms.db,
    databaseServer: { url: urlOf(config) },
    explanations: { explain: rooms.explain, groups: rooms.groups },
    httpHooks: kernel.calls.http,
    hubState: rooms.hubState.service,
    jobs: rooms.jobs.service,
    metrics: counts.metrics,
    proxyLimits: config.proxy.limits,
    signInDesk: rooms.signIn.desk,
  }
}

/** Creates the tables and starts the rooms in dependency order, once the plugins are set up. */
export async function startRooms(rooms: Rooms): Promise<void> {
  const { config, kernel, log, onClose } = rooms
  const { store, audit, revisions, sessions, registry, activity, authorities, certificates } = rooms
  checkAuditSinks(kernel.slot(auditSinks), config.audit !== 'none', log)
  await certificates.open()
  registerRequirements(kernel.slot(requirementKinds), rooms.requirements)
  rooms.callers.open(kernel.slot(credentials))
  await store.migrate(kernel.slot(migrations))
  audit.open()
  onClose(() => revisions.stop())
  await sayWhatWaits('the first reading of access data', revisions.start(), log)
  rooms.grants.watch()
  onClose(() => rooms.grants.stop())
  sessions.start()
  onClose(() => sessions.stop())
  await registry.start()
  onClose(() => registry.stop())
  onClose(activity.start())
  await authorities.load()
  onClose(() => authorities.close())
}

/** Throws `MEZ_AUDIT_MISSING` if events could be lost and the configuration does not allow that. */
function checkAuditSinks(sinks: readonly AuditSink[], required: boolean, log: Log): void {
  if (sinks.some(({ guarantee }) => guarantee === 'enforced')) return
  const names = sinks.map(({ name }) => name).join(', ') || 'none'
  if (required)
    throw new MezError('MEZ_AUDIT_MISSING', `no enforced audit sink is loaded (audit sinks: ${names})`)
  log.warn({ sinks: names }, 'audit: none is set, so requests may leave no record')
}
