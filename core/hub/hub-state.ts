import type { Authorities, AuthorityName } from '../api/certificate-authorities.ts'
import type { HubHooks } from '../api/hub-hooks.ts'
import type { HubState } from '../api/hub-state.ts'
import type { Certificates } from '../certificates/certificates.ts'
import type { Registry } from '../cluster/cluster.ts'
import type { RunningJobs } from '../cluster/jobs/jobs.ts'
import type { OpenDatabase } from '../database/database.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { LoadedPlugin } from '../loader/plugin-loader.ts'
import { pluginRows } from '../loader/plugin-rows.ts'
import type { GroupMember } from '../processes/group-member.ts'
import type { Locks } from './access/lock.ts'
import type { RunningAudit } from './audit/audit.ts'
import type { RunningRevisions } from './revisions/revisions.ts'
import type { RunningSessions } from './sessions/sessions.ts'
import type { RunningTunnel } from './tunnel/tunnel.ts'

/** The authorities whose certificates expire. */
const AUTHORITIES: readonly AuthorityName[] = ['hub-ca', 'agent-ca', 'user-ca']

/** The rooms that know something of the state of a hub. */
export interface Watched {
  readonly instanceId: string
  readonly hubVersion: string
  readonly kernel: Pick<Kernel<HubHooks>, 'describe'>
  readonly plugins: readonly LoadedPlugin[]
  readonly group?: Pick<GroupMember, 'ask' | 'answer'> | undefined
  readonly audit: Pick<RunningAudit, 'sinks'>
  readonly authorities: Pick<Authorities, 'keys'>
  readonly certificates: Pick<Certificates, 'development' | 'stateOf' | 'states'>
  readonly jobs: Pick<RunningJobs, 'read' | 'states'>
  readonly locks: Pick<Locks, 'isAgentLocked'>
  readonly registry: Pick<Registry, 'clockAheadMs' | 'list'>
  readonly revisions: Pick<RunningRevisions, 'ageMs' | 'alone' | 'applied' | 'fresh'>
  readonly sessions: Pick<RunningSessions, 'list' | 'live'>
  readonly store: Pick<OpenDatabase, 'connections'>
  readonly tunnel: Pick<RunningTunnel, 'agents' | 'lastError' | 'links' | 'stateOf'>
}

/** The service `hubState`. The public port is opened after the plugins are set up: `watch` tells of it. */
export function createHubState(rooms: Watched) {
  const {
    audit,
    authorities,
    certificates,
    group,
    jobs,
    locks,
    registry,
    revisions,
    sessions,
    store,
    tunnel,
  } = rooms
  let listener: { readonly connections: number } | undefined
  const service: HubState = {
    id: rooms.instanceId,
    version: rooms.hubVersion,
    hubs: registry.list,
    get clockAheadMs() {
      return registry.clockAheadMs
    },
    get sequence() {
      return revisions.applied
    },
    get viewAgeMs() {
      return revisions.ageMs()
    },
    get fresh() {
      return revisions.fresh()
    },
    get alone() {
      return revisions.alone
    },
    get connections() {
      return listener?.connections ?? 0
    },
    databaseConnections: () => store.connections(),
    links: tunnel.links,
    stateOf: tunnel.stateOf,
    lastError: tunnel.lastError,
    sessionsByKind() {
      const counts: Record<string, number> = {}
      for (const { kind } of sessions.list()) counts[kind] = (counts[kind] ?? 0) + 1
      return counts
    },
    streamsByProtocol: () => sessions.live.byProtocol(),
    get revokedStreams() {
      return sessions.live.revoked
    },
    get sinks() {
      return audit.sinks
    },
    certificates: certificates.states,
    certificateOf: certificates.stateOf,
    authorities: () =>
      AUTHORITIES.flatMap((subject) =>
        authorities.keys(subject).map(({ expires }) => ({ subject, expires })),
      ),
    get development() {
      return certificates.development
    },
    agents: () =>
      tunnel.agents().map(({ hostname }) => ({ hostname, locked: locks.isAgentLocked(hostname) })),
    jobs: jobs.states,
    readJobs: jobs.read,
    plugins: () => pluginRows(rooms.kernel.describe(), rooms.plugins),
    share(topic, contribute) {
      group?.answer(topic, contribute)
      return async () => group?.ask(topic) ?? []
    },
  }
  return {
    service,
    watch(port: { readonly connections: number }): void {
      listener = port
    },
  }
}
