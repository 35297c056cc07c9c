import type { AuthorityName } from '../api/certificate-authorities.ts'
import type { HubState } from '../api/hub-state.ts'
import { pluginRows } from '../base/loader/plugin-rows.ts'
import type { House } from './room.ts'

/** The authorities whose certificates expire. */
const AUTHORITIES: readonly AuthorityName[] = ['hub-ca', 'agent-ca', 'user-ca']

type HubStateNeeds = Pick<
  House,
  | ('audit' | 'authorities' | 'certificates' | 'describe' | 'group' | 'hubVersion' | 'instanceId' | 'jobs')
  | ('kernel' | 'listener' | 'locks' | 'plugins' | 'ports' | 'registry')
  | ('requirements' | 'revisions' | 'sessions' | 'store' | 'tunnel')
>

/** What this hub knows of itself. The public port is opened last. */
export function createHubState(rooms: HubStateNeeds): HubState {
  const { audit, authorities, certificates, group, jobs, locks } = rooms
  const { registry, revisions, sessions, store, tunnel } = rooms
  return {
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
      return rooms.ports.public === null ? 0 : rooms.listener.connections
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
    confirmed: ({ satisfied }) => satisfied.some(({ name }) => rooms.requirements.get(name)?.mfa === true),
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
    parts: rooms.describe,
    share(topic, contribute) {
      group?.answer(topic, contribute)
      return async () => group?.ask(topic) ?? []
    },
  }
}
