import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { createAccess } from './access/create-access.ts'
import { createApiTokens } from './access/create-api-tokens.ts'
import { createLocks } from './access/create-locks.ts'
import { createUsers } from './access/create-users.ts'
import { createAudit } from './audit/create-audit.ts'
import { createCatalog } from './catalog/create-catalog.ts'
import { certificateOptions } from './certificate-options.ts'
import { formatAddress } from './config/address.ts'
import type { HubConfig } from './config/hub-config.ts'
import { createChanges } from './database/create-changes.ts'
import { openDatabase } from './database/open-database.ts'
import { createCertificates } from './front/create-certificates.ts'
import type { hubKernel } from './hub-kernel.ts'
import type { createHubMetrics } from './hub-metrics.ts'
import { createActivity } from './hubs/create-activity.ts'
import { createCutReports } from './hubs/create-cut-reports.ts'
import { createPeers } from './hubs/create-peers.ts'
import { createRegistry } from './hubs/create-registry.ts'
import { createAuthorities } from './keys/create-authorities.ts'
import { openVault } from './keys/open-vault.ts'
import { prepareDataDir } from './prepare-data-dir.ts'
import * as ref from './references.ts'
import { createSessions } from './sessions/create-sessions.ts'
import { createTunnel } from './tunnel/create-tunnel.ts'
import { createPages } from './web/pages/create-pages.ts'
import { challengeThrough } from './web/sign-in/challenge-through.ts'
import { createSignIn } from './web/sign-in/create-sign-in.ts'

/** What the rooms of one hub are made of, besides each other. */
interface RoomsOptions {
  readonly config: HubConfig
  readonly instanceId: string
  readonly hubVersion: string
  readonly kernel: ReturnType<typeof hubKernel>
  readonly counts: ReturnType<typeof createHubMetrics>
  readonly clock: Clock
  readonly log: Log
  readonly onClose: (closer: () => unknown) => void
}

/** Opens the database and the certificates, and connects the rooms: each is handed what it works with. None runs yet. */
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
  const certificates = await createCertificates({ ...certificateOptions(config), log, clock })
  onClose(() => certificates.close())

  const changes = createChanges({ ...store, clock, log, audit: () => audit })
  const vault = await openVault({ dataDir, db })
  const authorities = createAuthorities({ db, changes, vault, clusterName, clock, log })
  const audit = createAudit({
    cluster: clusterName,
    hub: instanceId,
    sinks: () => kernel.slot(ref.auditSinks),
    event: calls.audit.event,
    recorded: counts.event,
    clock,
    log,
  })
  const catalog = createCatalog({
    changes,
    publicNames,
    hooks: calls.catalog,
    certificateCovers: certificates.covers,
    clock,
    log,
  })
  const users = createUsers({ changes, clock, log })
  const locks = createLocks({ changes, clock })
  const apiTokens = createApiTokens({ db, changes, users, locks, clock, log })
  const decide = { decide: calls.access.decide, decided: counts.decision }
  const access = createAccess({ catalog, ...decide, locks, changes, clock, log })
  const sessions = createSessions({
    db,
    changes,
    users,
    locks,
    catalog,
    access,
    audit,
    hooks: calls.session,
    streamStalenessMs: config.sessions.streamStalenessMs,
    clock,
    log,
  })
  const alone = config.database.driver === 'embedded'
  const registry = createRegistry({ ...store, instanceId, version: hubVersion, alone, clock, log })
  const peers = alone ? undefined : createPeers({ registry, vault, instanceId, clock })
  const tunnel = createTunnel({
    db,
    changes,
    authorities,
    clusterName,
    instanceId,
    hubVersion,
    publicAddr: formatAddress(config.proxy.publicAddr),
    catalog,
    hubs: registry,
    hooks: calls.tunnel,
    audit,
    isAgentLocked: locks.isAgentLocked,
    agentLost: sessions.live.cutAgent,
    offered: config.tunnel.transports,
    streamsPerAgent: config.tunnel.streamsPerAgent,
    joinsPerMinute: config.proxy.limits.callsPerMinute.tokens,
    clock,
    log,
  })
  const cuts = createCutReports({ db, changes, sessions, registry, instanceId, clock, log })
  const activity = createActivity({ db, sessions, instanceId, alone, log })
  const pages = createPages(publicNames)
  const signIn = createSignIn({
    vault,
    database: db,
    users,
    sessions,
    activity,
    access,
    locks,
    catalog,
    sessionLimits: () => kernel.service(ref.sessionLimits),
    challenge: challengeThrough(calls.access.challenge, publicNames.signInOrigin),
    methods: () => kernel.slot(ref.signInMethods),
    publicNames,
    audit,
    changes,
    pages,
    hubCa: () => authorities.bundle('hub-ca').join('\n'),
    clock,
    log,
  })
  return {
    store,
    certificates,
    changes,
    vault,
    authorities,
    audit,
    catalog,
    users,
    locks,
    apiTokens,
    access,
    sessions,
    tunnel,
    registry,
    peers,
    cuts,
    activity,
    pages,
    signIn,
  }
}
