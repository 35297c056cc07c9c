import type { Access } from '../api/access.ts'
import type { Database } from '../api/database.ts'
import type { Explanations } from '../api/explanations.ts'
import type { HubHooks } from '../api/hub-hooks.ts'
import type { Pages } from '../api/pages.ts'
import type { RequirementKind } from '../api/requirement.ts'
import type { SecretBox } from '../api/secret-box.ts'
import type { PublicNames } from '../api/web-routes.ts'
import type { LoadedPlugin } from '../base/loader/plugin-loader.ts'
import type { createCounts } from '../base/log/counts.ts'
import type { RunningAccess } from '../gate/access/access.ts'
import type { RunningCallers } from '../gate/access/callers.ts'
import type { Decisions } from '../gate/access/decisions.ts'
import type { RunningGrants } from '../gate/access/grants.ts'
import type { RunningLocks } from '../gate/access/locks.ts'
import type { RunningCatalog } from '../gate/catalog/catalog.ts'
import type { Enrolment } from '../gate/enrolment/enrolment.ts'
import type { JoinAcceptor } from '../gate/enrolment/join-acceptor.ts'
import type { JoinTokens } from '../gate/enrolment/join-tokens.ts'
import type { RunningAuthorities } from '../gate/pki/certificate-authorities.ts'
import type { RunningActivity } from '../gate/sessions/activity.ts'
import type { CutReports } from '../gate/sessions/cut-reports.ts'
import type { RunningSessions } from '../gate/sessions/sessions.ts'
import type { Accounts } from '../gate/users/accounts.ts'
import type { RunningUsers } from '../gate/users/users.ts'
import type { Clock } from '../kernel/clock.ts'
import type { HookCalls } from '../kernel/hook.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Log } from '../kernel/log.ts'
import type { RunningAudit } from '../state/audit/audit.ts'
import type { OpenDatabase } from '../state/database/database.ts'
import type { Registry } from '../state/hubs/live-hubs.ts'
import type { RunningJobs } from '../state/jobs/jobs.ts'
import type { RunningRevisions } from '../state/revisions/revisions.ts'
import type { Certificates } from '../traffic/certificates/certificates.ts'
import type { GroupMember } from '../traffic/processes/group-member.ts'
import type { Peers } from '../traffic/relay/peers.ts'
import type { CarrierGate } from '../traffic/tunnel/carrier-gate.ts'
import type { RunningTunnel, TunnelNeeds } from '../traffic/tunnel/tunnel.ts'
import type { SignIn } from '../web/desk/sign-in.ts'
import type { HubConfig } from './config/hub-config.ts'
import type { HubParts } from './hub-parts.ts'
import type { RunningHubState } from './hub-state.ts'
import type { loneHub } from './lone-hub.ts'
import type * as severalHubs from './several-hubs.ts'

/** What is there before the rooms of a hub. */
export interface Given {
  readonly parts: Pick<HubParts, 'developmentCertificate'>
  readonly config: HubConfig
  readonly publicNames: PublicNames
  readonly clusterName: string
  readonly instanceId: string
  readonly hubVersion: string
  readonly kernel: Kernel<HubHooks>
  readonly plugins: readonly LoadedPlugin[]
  readonly counts: ReturnType<typeof createCounts>
  readonly store: OpenDatabase
  readonly db: Database
  readonly secretBox: SecretBox
  /** The rooms that differ where several hubs share a database. */
  readonly cluster: typeof loneHub | typeof severalHubs
  /** The processes on one public port, of which this hub is one. */
  readonly group?: GroupMember | undefined
  readonly clock: Clock
  readonly log: Log
  readonly onClose: (closer: () => unknown) => void
}

/** The rooms of a hub by name, and what they are given. */
export interface Rooms extends Given {
  readonly access: RunningAccess
  readonly accounts: Accounts
  readonly activity: RunningActivity
  readonly audit: RunningAudit
  readonly authorities: RunningAuthorities
  readonly callers: RunningCallers
  readonly carriers: CarrierGate
  readonly catalog: RunningCatalog
  readonly certificates: Certificates
  readonly cuts: CutReports
  /** Asks the policies. Only `decisions`, `explain` and `groups` need it. */
  readonly decide: HookCalls<HubHooks>['access']['decide']
  readonly createRelay: TunnelNeeds['createRelay']
  readonly decisions: Decisions
  readonly enrolment: Enrolment
  readonly explain: Explanations['explain']
  readonly grants: RunningGrants
  readonly groups: Explanations['groups']
  readonly help: Pick<Access, 'helpFor' | 'offersTo'>
  readonly hubState: RunningHubState
  readonly jobs: RunningJobs
  readonly joins: JoinAcceptor
  readonly joinTokens: JoinTokens
  readonly locks: RunningLocks
  readonly pages: Pages
  readonly peers: Peers | undefined
  readonly registry: Registry
  /** The kinds of requirements by name; plugins register theirs in setup. */
  readonly requirements: Map<string, RequirementKind>
  readonly revisions: RunningRevisions
  readonly sessions: RunningSessions
  readonly signIn: SignIn
  readonly tunnel: RunningTunnel
  readonly users: RunningUsers
  readonly verify: Access['verify']
}

/** How each room is made of what was given and of other rooms. */
export type RoomList<Start = Given, All extends Start = Rooms & Start> = {
  readonly [Name in Exclude<keyof All, keyof Start>]: (rooms: All) => All[Name]
}

/**
 * Makes each room once, in the order of the list, but what it needs before it. `only`: makes these and what they need. Throws if
 * two rooms need each other while they are made.
 */
export function makeRooms<Start extends object, All extends Start>(
  given: Start,
  list: RoomList<Start, All>,
  only?: readonly (keyof typeof list)[],
): All {
  const rooms = { ...given } as All
  const names = Object.keys(list) as (keyof typeof list)[]
  const underWay: PropertyKey[] = []
  // Not enumerable, so that copies of all that is there do not make what is not.
  for (const name of names)
    Object.defineProperty(rooms, name, {
      configurable: true,
      get() {
        if (underWay.includes(name))
          throw new Error(`rooms need each other while they are made: ${[...underWay, name].join(', ')}`)
        underWay.push(name)
        const value = list[name](rooms)
        underWay.pop()
        Object.defineProperty(rooms, name, { value, enumerable: true })
        return value
      },
    })
  for (const name of only ?? names) void rooms[name]
  return rooms
}
