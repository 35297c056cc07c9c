import type { Administration } from '../api/administration.ts'
import { appKinds } from '../api/app-kinds.ts'
import { type AuditSink, auditSinks } from '../api/audit.ts'
import { certificates as certificateSources } from '../api/certificates.ts'
import { credentials } from '../api/credentials.ts'
import { type Migrations, migrations } from '../api/database.ts'
import { denialHelp } from '../api/denial-help.ts'
import type { HubHooks } from '../api/hub-hooks.ts'
import { type RequirementKind, requirements as requirementKinds } from '../api/requirement.ts'
import { sessionLimits } from '../api/session-limits.ts'
import { homeLinks, signInMethods } from '../api/sign-in.ts'
import { verifiers } from '../api/verifiers.ts'
import { webRoutes } from '../api/web-routes.ts'
import { createCertificates } from '../certificates/certificates.ts'
import { createCutReports } from '../cluster/cut-reports.ts'
import { createJobs } from '../cluster/jobs/jobs.ts'
import { jobsMigrations } from '../cluster/jobs/migrations.ts'
import { loneHub } from '../cluster/lone-hub.ts'
import { hubsMigrations } from '../cluster/migrations.ts'
import { prepareDataDir } from '../database/data-dir.ts'
import { openDatabase } from '../database/database.ts'
import { createEnrolment } from '../enrolment/enrolment.ts'
import { createJoinAcceptor } from '../enrolment/join-acceptor.ts'
import { createJoinTokens } from '../enrolment/join-tokens.ts'
import type { Clock } from '../kernel/clock.ts'
import { MezError } from '../kernel/error.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Log } from '../kernel/log.ts'
import type { LoadedPlugin } from '../loader/plugin-loader.ts'
import type { createCounts } from '../log/counts.ts'
import { sayWhatWaits } from '../log/wait-notice.ts'
import { createPages } from '../pages/pages.ts'
import type { GroupMember } from '../processes/group-member.ts'
import { challengeThrough } from '../sign-in/app-launch.ts'
import { createDenialHelp } from '../sign-in/denial-help.ts'
import { createSignIn } from '../sign-in/sign-in.ts'
import { createSignInRate } from '../sign-in/sign-in-rate.ts'
import { createAccess } from './access/access.ts'
import { createCallers } from './access/callers.ts'
import { createDecisions } from './access/decisions.ts'
import { createExplanation } from './access/explanation.ts'
import { createGrants } from './access/grants.ts'
import { createLocks } from './access/locks.ts'
import { accessMigrations } from './access/migrations.ts'
import { registerRequirements } from './access/requirements.ts'
import { createVerification } from './access/verification.ts'
import { createAudit } from './audit/audit.ts'
import { createCatalog } from './catalog/catalog.ts'
import { catalogMigrations } from './catalog/migrations.ts'
import type { HubConfig } from './config/hub-config.ts'
import type { HubParts } from './hub-parts.ts'
import { createHubState } from './hub-state.ts'
import { createAuthorities } from './pki/certificate-authorities.ts'
import { keysMigrations } from './pki/migrations.ts'
import type { HubServices } from './plugins.ts'
import { createRevisions } from './revisions/revisions.ts'
import { openSecretBox } from './secrets/key-verification.ts'
import { sessionsMigrations } from './sessions/migrations.ts'
import { createSessions } from './sessions/sessions.ts'
import { createCarrierGate } from './tunnel/carrier-gate.ts'
import { tunnelMigrations } from './tunnel/migrations.ts'
import { createTunnel } from './tunnel/tunnel.ts'
import { createAccounts } from './users/accounts.ts'
import { createUsers } from './users/users.ts'

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

/** Dependencies of the rooms of one hub, other than each other. */
export interface RoomsOptions {
  readonly parts: Pick<HubParts, 'developmentCertificate'>
  readonly config: HubConfig
  readonly instanceId: string
  readonly hubVersion: string
  readonly kernel: Kernel<HubHooks>
  readonly plugins: readonly LoadedPlugin[]
  readonly counts: ReturnType<typeof createCounts>
  readonly clock: Clock
  readonly log: Log
  readonly onClose: (closer: () => unknown) => void
  readonly patientDatabase?: boolean
  readonly group?: GroupMember | undefined
}

/** The rooms of one hub, connected. */
export type Rooms = Awaited<ReturnType<typeof openRooms>>

/** Opens the database and the certificates, and connects the rooms without starting them. */
export async function openRooms(options: RoomsOptions) {
  const { config, instanceId, hubVersion, kernel, counts, clock, log, onClose } = options
  const { calls } = kernel
  const { data_dir: dataDir, proxy, publicNames } = config
  const { clusterName } = publicNames
  /** Most rooms need these. */
  const base = { clusterName, publicNames, instanceId, hubVersion, clock, log }

  await prepareDataDir(dataDir)
  const url = config.database.driver === 'postgres' ? (config.database.url ?? '') : null
  const target =
    url === null ? { driver: 'embedded' as const, dataDir } : { driver: 'postgres' as const, url }
  const store = await openDatabase(target, { log, patient: options.patientDatabase, onQuery: counts.query })
  onClose(() => store.close())
  const { db } = store
  const certificates = createCertificates({
    ...base,
    main: proxy.https_keypair ?? null,
    apps: proxy.apps_keypair ?? null,
    sources: () => kernel.slot(certificateSources),
    develop: (names) => options.parts.developmentCertificate(names, { config, clock, log }),
  })
  onClose(() => certificates.close())

  const olderHubs = () => registry.olderHubs
  const revisions = createRevisions({ ...base, ...store, olderHubs, audit: () => audit })
  const secretBox = await openSecretBox({ dataDir, db })
  const authorities = createAuthorities({ ...base, db, revisions, secretBox })
  const audit = createAudit({
    ...base,
    cluster: clusterName,
    hub: instanceId,
    sinks: () => kernel.slot(auditSinks),
    event: calls.audit.event,
    recorded: counts.event,
  })

  const catalog = createCatalog({
    ...base,
    revisions,
    kinds: () => kernel.slot(appKinds),
    appConfigs: Object.fromEntries(
      options.plugins.flatMap(({ plugin: { name, appConfig } }) => (appConfig ? [[name, appConfig]] : [])),
    ),
    certificateCovers: certificates.covers,
    secretBox,
  })
  const users = createUsers({
    ...{ ...base, revisions },
    released: (release) => grants.release(release).then(() => calls.user.released(release)),
  })
  const callers = createCallers(base)
  const accounts = createAccounts({ users, bots: callers.bots })
  const grants = createGrants({ ...base, revisions, accounts })
  const locks = createLocks({ ...base, revisions })
  // Plugins register theirs in setup.
  const requirements = new Map<string, RequirementKind>()
  const { decide } = calls.access
  const decisions = createDecisions({ ...base, decide, requirements, locks, revisions })
  const sessions = createSessions({
    ...{ ...base, db, revisions, accounts, grants, locks, catalog, audit },
    hooks: calls.session,
    sessionLimits: () => kernel.service(sessionLimits),
    endOf: (stream, alone) => access.endOf(stream, alone),
    activityOf: (list) => activity.of(list),
  })
  const access = createAccess({
    ...{ ...base, callers, catalog, decisions, sessions, locks, revisions, audit },
    verify: createVerification({ entries: () => kernel.slot(verifiers), log }),
    help: createDenialHelp({ entries: () => kernel.slot(denialHelp), log }),
    decided: counts.decision,
    streamStalenessMs: config.sessions.stream_staleness,
  })
  revisions.onApplied(access.recheckUnowned)

  const cluster = url === null ? loneHub : await import('../cluster/index.ts')
  const registry = cluster.createRegistry({ ...base, ...store, version: hubVersion })
  const peers = cluster.createPeers({ ...base, registry, secretBox })
  const joinTokens = createJoinTokens({ ...base, db, revisions })
  const enrolment = createEnrolment({ ...base, revisions, authorities, catalog, tokens: joinTokens })
  const { isAgentLocked } = locks
  const joinsPerMinute = proxy.limits.callsPerMinute.tokens
  const joins = createJoinAcceptor({
    ...{ ...base, enrolment, authorities, revisions, audit, isAgentLocked },
    joinsPerMinute,
  })
  const carriers = createCarrierGate({ ...base, authorities, tokens: joinTokens, joinsPerMinute })
  const tunnel = createTunnel({
    ...{ ...base, revisions, authorities, enrolment, catalog, audit, isAgentLocked },
    tokens: joinTokens,
    hubs: registry,
    hooks: calls.tunnel,
    agentLost: sessions.live.cutAgent,
    kinds: () => kernel.slot(appKinds),
    relayFor:
      peers &&
      ((own) =>
        cluster.createAgentRelay({
          ...{ ...base, ...own, registry, peers, authorities, revisions, isAgentLocked },
          agentLost: sessions.live.cutAgent,
          changed: calls.tunnel.changed,
        })),
    offered: config.tunnel.transports,
    streamsPerAgent: config.tunnel.streams_per_agent,
  })
  const cuts = createCutReports({ ...base, db, revisions, sessions, registry })
  const activity = cluster.createActivity({ ...base, db, sessions })

  const jobs = createJobs({ ...base, db, metrics: counts.metrics })
  jobs.service.add({ name: 'sessions-pruning', everyMs: PRUNING_MS, run: sessions.purge })
  const watched = { catalog, tunnel, certificates, authorities, audit, jobs, registry, revisions, locks }
  const hubState = createHubState({ ...options, ...watched, sessions, store })
  const pages = createPages({
    ...{ ...base, brand: config.brand, navigation: () => kernel.slot(homeLinks) },
    routes: () => kernel.slot(webRoutes),
  })
  const explain = createExplanation({
    ...{ ...base, catalog, users, accounts, grants, locks, requirements },
    ask: decide,
  })
  const signIn = createSignIn({
    ...{ ...base, secretBox, users, sessions, access, locks, requirements, catalog },
    ...{ audit, revisions, explain, pages, rate: createSignInRate(clock) },
    sessionLimits: () => kernel.service(sessionLimits),
    challenge: challengeThrough(calls.access.challenge, publicNames.signInOrigin),
    methods: () => kernel.slot(signInMethods),
  })

  const administration: Administration = {
    apps: { ...catalog, probe: tunnel.probe },
    users,
    joinTokens,
    authorities: { phaseOf: authorities.phaseOf, rotate: authorities.rotate, waiting: tunnel.waiting },
  }
  const services: HubServices = {
    access,
    administration,
    audit,
    authorities,
    catalog,
    grants: grants.service,
    locks,
    pages,
    publicNames,
    revisions,
    secretBox,
    sessions,
    tunnel,
    users,
    database: db,
    databaseServer: { url },
    explanations: { explain },
    httpHooks: calls.http,
    hubState: hubState.service,
    jobs: jobs.service,
    metrics: counts.metrics,
    proxyLimits: proxy.limits,
    signInDesk: signIn.desk,
  }
  return {
    ...{ ...options, ...base, services, store, certificates, revisions, authorities, audit, catalog, users },
    ...{ callers, grants, locks, requirements, sessions, joinTokens, joins, carriers, tunnel, registry },
    ...{ peers, cuts, activity, pages, jobs, hubState },
    ...{ explain, signIn },
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
