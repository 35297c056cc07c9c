import { appKinds } from '../api/app-kinds.ts'
import { type AuditSink, auditSinks } from '../api/audit.ts'
import { type Migrations, migrations } from '../api/database.ts'
import type { HubHooks } from '../api/hub-hooks.ts'
import { type RequirementKind, requirements as requirementKinds } from '../api/requirement.ts'
import { sessionLimits } from '../api/session-limits.ts'
import { homeLinks, signInMethods } from '../api/sign-in.ts'
import { webRoutes } from '../api/web-routes.ts'
import type { Clock } from '../kernel/clock.ts'
import { MezError } from '../kernel/error.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Log } from '../kernel/log.ts'
import { sayWhatWaits } from '../log/wait-notice.ts'
import { createAccess } from './access/access.ts'
import { createDecisions } from './access/decisions.ts'
import { createExplanation } from './access/explanation.ts'
import { createLocks } from './access/locks.ts'
import { accessMigrations } from './access/migrations.ts'
import { registerRequirements } from './access/requirements.ts'
import type { createHubMetrics } from './api-server/hub-metrics.ts'
import { createAudit } from './audit/audit.ts'
import { createCatalog } from './catalog/catalog.ts'
import { catalogMigrations } from './catalog/migrations.ts'
import { createCutReports } from './cluster/cut-reports.ts'
import { createRegistry } from './cluster/hub-registry.ts'
import { hubsMigrations } from './cluster/migrations.ts'
import { createPeers } from './cluster/peers.ts'
import { createActivity } from './cluster/session-activity.ts'
import { formatAddress } from './config/address.ts'
import type { HubConfig } from './config/hub-config.ts'
import { prepareDataDir } from './database/data-dir.ts'
import { openDatabase } from './database/database.ts'
import { createEnrolment } from './enrolment/enrolment.ts'
import { createJoinAcceptor } from './enrolment/join-acceptor.ts'
import { createJoinTokens } from './enrolment/join-tokens.ts'
import { createCertificates } from './listener/certificates.ts'
import { createPages } from './pages/pages.ts'
import { createAuthorities } from './pki/certificate-authorities.ts'
import { keysMigrations } from './pki/migrations.ts'
import type { HubServices } from './plugins.ts'
import { createRevisions } from './revisions/revisions.ts'
import { openSecretBox } from './secrets/key-verification.ts'
import { sessionsMigrations } from './sessions/migrations.ts'
import { createSessions } from './sessions/sessions.ts'
import { challengeThrough } from './signin/app-launch.ts'
import { createSignInPages } from './signin/pages/pages.ts'
import { createSignIn } from './signin/sign-in.ts'
import { tunnelMigrations } from './tunnel/migrations.ts'
import { createTunnel } from './tunnel/tunnel.ts'
import { createUsers } from './users/users.ts'

/** Migrations of the rooms, in order; those of plugins run after them. */
export const roomMigrations: readonly Migrations[] = [
  keysMigrations,
  catalogMigrations,
  accessMigrations,
  sessionsMigrations,
  tunnelMigrations,
  hubsMigrations,
]

/** Dependencies of the rooms of one hub, other than each other. */
interface RoomsOptions {
  readonly config: HubConfig
  readonly instanceId: string
  readonly hubVersion: string
  readonly kernel: Kernel<HubHooks>
  readonly counts: ReturnType<typeof createHubMetrics>
  readonly clock: Clock
  readonly log: Log
  readonly onClose: (closer: () => unknown) => void
}

/** The rooms of one hub, connected. */
export type Rooms = Awaited<ReturnType<typeof openRooms>>

/** Opens the database and the certificates, and connects the rooms without starting them. */
export async function openRooms(options: RoomsOptions) {
  const { config, instanceId, hubVersion, kernel, counts, clock, log, onClose } = options
  const { publicNames, clusterName, dataDir } = config
  await prepareDataDir(dataDir)
  const { calls } = kernel
  const store = await openDatabase(
    config.database.driver === 'embedded' ? { driver: 'embedded', dataDir } : config.database,
    { log, asked: counts.query },
  )
  onClose(() => store.close())
  const { db } = store
  const certificates = await createCertificates({
    publicNames,
    main: config.proxy.httpsKeypair,
    apps: config.proxy.appsKeypair,
    listenAddr: formatAddress(config.proxy.listen),
    allowDevelopment: config.proxy.httpsKeypair === null,
    dataDir,
    log,
    clock,
  })
  onClose(() => certificates.close())

  const revisions = createRevisions({ ...store, clock, log, audit: () => audit })
  const secretBox = await openSecretBox({ dataDir, db })
  const authorities = createAuthorities({ db, revisions, secretBox, clusterName, clock, log })
  const audit = createAudit({
    cluster: clusterName,
    hub: instanceId,
    sinks: () => kernel.slot(auditSinks),
    event: calls.audit.event,
    recorded: counts.event,
    clock,
    log,
  })
  const catalog = createCatalog({
    revisions,
    publicNames,
    kinds: () => kernel.slot(appKinds),
    certificateCovers: certificates.covers,
    clock,
    log,
  })
  const users = createUsers({ revisions, released: calls.user.released, clock, log })
  const locks = createLocks({ revisions, clock })
  const { decide } = calls.access
  // Plugins register theirs in setup.
  const requirements = new Map<string, RequirementKind>()
  const decisions = createDecisions({ catalog, decide, requirements, locks, revisions, clock, log })
  const sessions = createSessions({
    db,
    revisions,
    users,
    locks,
    catalog,
    audit,
    hooks: calls.session,
    sessionLimits: () => kernel.service(sessionLimits),
    endOf: (stream) => access.endOf(stream),
    clock,
    log,
  })
  const access = createAccess({
    catalog,
    decisions,
    sessions,
    locks,
    revisions,
    audit,
    publicNames,
    decided: counts.decision,
    streamStalenessMs: config.sessions.streamStalenessMs,
  })
  const alone = config.database.driver === 'embedded'
  const registry = createRegistry({ ...store, instanceId, version: hubVersion, alone, clock, log })
  const peers = alone ? undefined : createPeers({ registry, secretBox, instanceId, clock })
  const joinTokens = createJoinTokens({ db, revisions, clock })
  const enrolment = createEnrolment({ revisions, authorities, catalog, tokens: joinTokens, clock })
  const { isAgentLocked } = locks
  const joins = createJoinAcceptor({
    enrolment,
    authorities,
    revisions,
    audit,
    isAgentLocked,
    clusterName,
    instanceId,
    joinsPerMinute: config.proxy.limits.callsPerMinute.tokens,
    clock,
    log,
  })
  const tunnel = createTunnel({
    revisions,
    authorities,
    enrolment,
    tokens: joinTokens,
    clusterName,
    instanceId,
    hubVersion,
    catalog,
    hubs: registry,
    hooks: calls.tunnel,
    audit,
    isAgentLocked,
    agentLost: sessions.live.cutAgent,
    offered: config.tunnel.transports ?? undefined,
    streamsPerAgent: config.tunnel.streamsPerAgent,
    clock,
    log,
  })
  const cuts = createCutReports({ db, revisions, sessions, registry, instanceId, clock, log })
  const activity = createActivity({ db, sessions, instanceId, alone, log })
  const pages = createPages({ publicNames, brand: config.brand, navigation: () => kernel.slot(homeLinks) })
  const signInPages = createSignInPages(pages, publicNames)
  const explain = createExplanation({ catalog, users, locks, requirements, ask: decide, publicNames, clock })
  const signIn = createSignIn({
    secretBox,
    users,
    sessions,
    activity,
    access,
    locks,
    requirements,
    catalog,
    sessionLimits: () => kernel.service(sessionLimits),
    challenge: challengeThrough(calls.access.challenge, publicNames.signInOrigin),
    methods: () => kernel.slot(signInMethods),
    links: () => kernel.slot(homeLinks),
    home: () => kernel.slot(webRoutes).find(({ home }) => home)?.home,
    tunnel,
    publicNames,
    audit,
    revisions,
    template: pages,
    pages: ({ headers }) => signInPages(pages.languageOf(headers['accept-language'])),
    explain,
    sections: () => kernel.slot(webRoutes).flatMap(({ account }) => account ?? []),
    clock,
    log,
  })
  const services: HubServices = {
    access,
    audit,
    authorities,
    catalog,
    database: db,
    databaseServer: { url: config.database.driver === 'postgres' ? config.database.url : null },
    httpHooks: calls.http,
    locks,
    metrics: counts.metrics,
    pages,
    proxyLimits: config.proxy.limits,
    publicNames,
    revisions,
    secretBox,
    sessions,
    signInDesk: signIn.desk,
    tunnel,
    users,
  }
  return {
    services,
    store,
    certificates,
    revisions,
    authorities,
    audit,
    catalog,
    users,
    locks,
    requirements,
    sessions,
    joinTokens,
    joins,
    tunnel,
    registry,
    peers,
    cuts,
    activity,
    pages,
    explain,
    signIn,
  }
}

/** Creates the tables and starts the rooms in dependency order, once the plugins are set up. */
export async function startRooms(rooms: Rooms, options: RoomsOptions): Promise<void> {
  const { config, kernel, log, onClose } = options
  const { store, audit, revisions, sessions, registry, activity, authorities } = rooms
  checkAuditSinks(kernel.slot(auditSinks), config.auditRequired, log)
  registerRequirements(kernel.slot(requirementKinds), rooms.requirements)
  await store.migrate([...roomMigrations, ...kernel.slot(migrations)])
  audit.open()
  onClose(() => revisions.stop())
  await sayWhatWaits('the first reading of access data', revisions.start(), log)
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
