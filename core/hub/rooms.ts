import { type AuditSink, auditSinks } from '../api/audit.ts'
import { certificates as certificateSources } from '../api/certificates.ts'
import { credentials } from '../api/credentials.ts'
import { migrations } from '../api/database.ts'
import { type RequirementKind, requirements as requirementKinds } from '../api/requirement.ts'
import { sayWhatWaits } from '../base/log/wait-notice.ts'
import { createAccess } from '../gate/access/access.ts'
import { createAccountGroups } from '../gate/access/account-groups.ts'
import { createAdminRights } from '../gate/access/admin-rights.ts'
import { createCallers } from '../gate/access/callers.ts'
import { createDecisions } from '../gate/access/decisions.ts'
import { createExplanation } from '../gate/access/explanation.ts'
import { createGrants } from '../gate/access/grants.ts'
import { createLocks } from '../gate/access/locks.ts'
import { registerRequirements } from '../gate/access/requirements.ts'
import { createVerification } from '../gate/access/verification.ts'
import { createCatalog } from '../gate/catalog/catalog.ts'
import { createEnrolment } from '../gate/enrolment/enrolment.ts'
import { createJoinTokens } from '../gate/enrolment/join-tokens.ts'
import { createAuthorities } from '../gate/pki/certificate-authorities.ts'
import { createCutReports } from '../gate/sessions/cut-reports.ts'
import { createSessions } from '../gate/sessions/sessions.ts'
import { createAccounts } from '../gate/users/accounts.ts'
import { createUsers } from '../gate/users/users.ts'
import { MezError } from '../kernel/error.ts'
import type { Log } from '../kernel/log.ts'
import { createAudit } from '../state/audit/audit.ts'
import { createRevisions } from '../state/revisions/revisions.ts'
import { createCertificates } from '../traffic/certificates/certificates.ts'
import type { RelayNeeds } from '../traffic/tunnel/serving-links.ts'
import { createDenialHelp } from '../web/desk/denial-help.ts'
import type { HubConfig } from './config/hub-config.ts'
import { room } from './room.ts'

/** The URL of the configured PostgreSQL; null: the database is embedded. */
export const urlOf = ({ database }: HubConfig): string | null =>
  database.driver === 'postgres' ? (database.url ?? '') : null

/** The rooms that store and decide. In this order they are made, so that their views are loaded, and they hear of changes. */
export const storedRooms = {
  certificates: room({
    make: ({ config, kernel, parts, publicNames, clock, log }) =>
      createCertificates({
        publicNames,
        clock,
        log,
        main: config.proxy.https_keypair ?? null,
        apps: config.proxy.apps_keypair ?? null,
        sources: () => kernel.slot(certificateSources),
        develop: (names) => parts.developmentCertificate(names, { config, clock, log }),
      }),
    start: (certificates) => certificates.open(),
    stop: (certificates) => certificates.close(),
  }),
  requirements: room({
    make: () => new Map<string, RequirementKind>(),
    start: (byName, { kernel }) => registerRequirements(kernel.slot(requirementKinds), byName),
  }),
  callers: room({
    make: createCallers,
    start: (callers, { kernel }) => callers.open(kernel.slot(credentials)),
  }),
  database: room({
    make: ({ db }) => db,
    provides: {
      database: (db) => db,
      databaseServer: (_, { config }) => ({ url: urlOf(config) }),
      secretBox: (_, { secretBox }) => secretBox,
      metrics: (_, { counts }) => counts.metrics,
      proxyLimits: (_, { config }) => config.proxy.limits,
      publicNames: (_, { publicNames }) => publicNames,
      httpHooks: (_, { kernel }) => kernel.calls.http,
    },
    start: (_, { kernel, store }) => store.migrate(kernel.slot(migrations)),
  }),
  audit: room({
    after: { database: 'sinks have tables' },
    make: (rooms) => createAudit(rooms),
    provides: { audit: (audit) => audit },
    start(audit, { config, kernel, log }) {
      checkAuditSinks(kernel.slot(auditSinks), config.audit !== 'none', log)
      audit.open()
    },
  }),
  registry: room({
    after: { sessions: 'other hubs wait for what a live one has applied' },
    make: ({ cluster, store, instanceId, hubVersion: version, clock, log }) =>
      cluster.createRegistry({ ...store, instanceId, version, clock, log }),
    start: (registry) => registry.start(),
    stop: (registry) => registry.stop(),
  }),
  revisions: room({
    needs: ['audit'],
    later: ['registry'],
    after: { database: 'the log of changes is a table' },
    make: (rooms) => createRevisions(rooms),
    provides: { revisions: (revisions) => revisions },
    start: (revisions, { log }) => sayWhatWaits('the first reading of access data', revisions.start(), log),
    stop: (revisions) => revisions.stop(),
  }),
  authorities: room({
    needs: ['revisions'],
    make: (rooms) => createAuthorities(rooms),
    provides: { authorities: (authorities) => authorities },
    start: (authorities) => authorities.load(),
    stop: (authorities) => authorities.close(),
  }),
  catalog: room({
    needs: ['revisions', 'certificates'],
    make: createCatalog,
    provides: { catalog: (catalog) => catalog },
  }),
  users: room({
    needs: ['revisions'],
    later: ['grants', 'locks', 'sessions'],
    make: createUsers,
    provides: { users: (users) => users },
  }),
  accounts: room({ needs: ['users', 'callers'], make: createAccounts }),
  grants: room({
    needs: ['revisions', 'accounts'],
    make: createGrants,
    provides: { grants: (grants) => grants.service },
    start: (grants) => grants.watch(),
    stop: (grants) => grants.stop(),
  }),
  locks: room({ needs: ['revisions', 'users'], make: createLocks, provides: { locks: (locks) => locks } }),
  adminRights: room({ make: createAdminRights, provides: { adminRights: (rights) => rights } }),
  decide: room({ make: ({ kernel }) => kernel.calls.access.decide }),
  decisions: room({ needs: ['decide', 'requirements', 'locks', 'revisions'], make: createDecisions }),
  sessions: room({
    needs: ['revisions', 'accounts', 'grants', 'locks', 'catalog', 'audit'],
    later: ['access', 'activity'],
    make: createSessions,
    provides: { sessions: (sessions) => sessions },
    start: (sessions) => sessions.start(),
    stop: (sessions) => sessions.stop(),
  }),
  verify: room({ make: createVerification }),
  help: room({ make: createDenialHelp }),
  access: room({
    needs: [
      ...(['audit', 'callers', 'catalog', 'decisions', 'help'] as const),
      ...(['locks', 'requirements', 'revisions', 'sessions', 'verify'] as const),
    ],
    make(rooms) {
      const access = createAccess(rooms)
      rooms.revisions.onApplied(access.recheckUnowned)
      return access
    },
    provides: { access: (access) => access },
  }),
  peers: room({ needs: ['registry'], make: (rooms) => rooms.cluster.createPeers(rooms) }),
  createRelay: room({
    needs: ['authorities', 'peers', 'registry', 'revisions'],
    make({ authorities, cluster, clusterName, instanceId, peers, registry, revisions, clock, log }) {
      if (peers === undefined || !('createAgentRelay' in cluster)) return null
      const { createAgentRelay } = cluster
      const of = { authorities, clusterName, instanceId, peers, registry, revisions, clock, log }
      return (own: RelayNeeds) => createAgentRelay({ ...of, ...own })
    },
  }),
  joinTokens: room({ needs: ['revisions'], make: createJoinTokens }),
  enrolment: room({ needs: ['revisions', 'authorities', 'catalog', 'joinTokens'], make: createEnrolment }),
  cuts: room({ needs: ['revisions', 'sessions', 'registry'], make: createCutReports }),
  activity: room({
    needs: ['sessions'],
    after: { registry: 'counts are valid while their hub is live' },
    make: (rooms) => rooms.cluster.createActivity(rooms),
    start: (activity) => activity.start(),
    stop: (activity) => activity.stop(),
  }),
  explain: room({
    needs: ['catalog', 'users', 'accounts', 'grants', 'locks', 'requirements', 'decide'],
    later: ['groups'],
    make: createExplanation,
    provides: { explanations: (explain, { groups }) => ({ explain, groups }) },
  }),
  groups: room({
    needs: ['catalog', 'users', 'accounts', 'callers', 'grants', 'locks', 'requirements', 'decide'],
    make: createAccountGroups,
  }),
}

/** Throws `MEZ_AUDIT_MISSING` if events could be lost and the configuration does not allow that. */
function checkAuditSinks(sinks: readonly AuditSink[], required: boolean, log: Log): void {
  if (sinks.some(({ guarantee }) => guarantee === 'enforced')) return
  const names = sinks.map(({ name }) => name).join(', ') || 'none'
  if (required)
    throw new MezError('MEZ_AUDIT_MISSING', `no enforced audit sink is loaded (audit sinks: ${names})`)
  log.warn({ sinks: names }, 'audit: none is set, so requests may leave no record')
}
