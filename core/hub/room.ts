import type { Access } from '../api/access.ts'
import type { Administration } from '../api/administration.ts'
import type { Database } from '../api/database.ts'
import type { Explanations } from '../api/explanations.ts'
import type { HubHooks } from '../api/hub-hooks.ts'
import type { HubState } from '../api/hub-state.ts'
import type { Pages } from '../api/pages.ts'
import type { RequirementKind } from '../api/requirement.ts'
import type { SecretBox } from '../api/secret-box.ts'
import type { HubTransport } from '../api/transport.ts'
import type { PublicNames } from '../api/web-routes.ts'
import type { LoadedPlugin } from '../base/loader/plugin-loader.ts'
import type { createCounts } from '../base/log/counts.ts'
import type { PlainPort } from '../base/log/listening-port.ts'
import type { RunningAccess } from '../gate/access/access.ts'
import type { RunningAdminRights } from '../gate/access/admin-rights.ts'
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
import type { Part, PartStatus } from '../kernel/parts.ts'
import type { RunningAudit } from '../state/audit/audit.ts'
import type { OpenDatabase } from '../state/database/database.ts'
import type { Registry } from '../state/hubs/live-hubs.ts'
import type { RunningJobs } from '../state/jobs/jobs.ts'
import type { RunningRevisions } from '../state/revisions/revisions.ts'
import type { Certificates } from '../traffic/certificates/certificates.ts'
import type { BrowserServer } from '../traffic/http/browser-server.ts'
import type { Listener } from '../traffic/listener/listener.ts'
import type { GroupMember } from '../traffic/processes/group-member.ts'
import type { Peers } from '../traffic/relay/peers.ts'
import type { CarrierGate } from '../traffic/tunnel/carrier-gate.ts'
import type { RunningTunnel, TunnelNeeds } from '../traffic/tunnel/tunnel.ts'
import type { SignIn } from '../web/desk/sign-in.ts'
import type { Web } from '../web/server/web-server.ts'
import type { HubConfig } from './config/hub-config.ts'
import type { HubServices } from './config/hub-services.ts'
import type { HubParts } from './hub-parts.ts'
import type { loneHub } from './lone-hub.ts'
import type * as severalHubs from './several-hubs.ts'

/** What is there before the rooms of a hub. */
export interface Given {
  readonly parts: HubParts
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
  /** What the rooms provide to plugins, by the name of the service. */
  readonly provided: () => Readonly<Record<string, unknown>>
  readonly describe: () => readonly PartStatus[]
  /** The ports that are open. */
  readonly ports: { public: number | null; diagnostics: number | null }
  /** For `/readyz`. */
  readonly phase: { now: 'starting' | 'ready' | 'draining' }
  readonly clock: Clock
  readonly log: Log
  readonly onClose: (closer: () => unknown) => void
}

/** The rooms of a hub by name. `rooms.ts` and `doors.ts` say how each is made. */
export interface Rooms {
  readonly access: RunningAccess
  readonly accounts: Accounts
  /** Serves operators on its socket. */
  readonly adminSocket: unknown
  readonly administration: Administration
  readonly activity: RunningActivity
  readonly audit: RunningAudit
  readonly authorities: RunningAuthorities
  readonly browsers: BrowserServer
  readonly callers: RunningCallers
  readonly carriers: CarrierGate
  readonly catalog: RunningCatalog
  readonly certificates: Certificates
  readonly cuts: CutReports
  /** Asks the policies. Only `decisions`, `explain` and `groups` need it. */
  readonly decide: HookCalls<HubHooks>['access']['decide']
  readonly createRelay: TunnelNeeds['createRelay']
  readonly database: Database
  readonly decisions: Decisions
  readonly diagnostics: PlainPort
  readonly enrolment: Enrolment
  readonly explain: Explanations['explain']
  readonly grants: RunningGrants
  readonly groups: Explanations['groups']
  readonly help: Pick<Access, 'helpFor' | 'offersTo'>
  readonly hubState: HubState
  readonly jobs: RunningJobs
  readonly joins: JoinAcceptor
  readonly joinTokens: JoinTokens
  /** The public port. */
  readonly listener: Listener
  readonly locks: RunningLocks
  readonly adminRights: RunningAdminRights
  readonly offered: readonly HubTransport[]
  /** Opens the ports of transports that have one. */
  readonly outside: unknown
  readonly pages: Pages
  readonly peers: Peers | undefined
  /** Every plugin, which is set up when it is made. */
  readonly plugged: unknown
  /** The port that only redirects to https; null: there is none. */
  readonly redirect: ReturnType<HubParts['redirectServer']> | null
  readonly registry: Registry
  /** The kinds of requirements by name; plugins register theirs in setup. */
  readonly requirements: Map<string, RequirementKind>
  readonly revisions: RunningRevisions
  readonly sessions: RunningSessions
  readonly signIn: SignIn
  /** Flushes the audit once nothing that records is left. */
  readonly trail: RunningAudit
  readonly tunnel: RunningTunnel
  readonly users: RunningUsers
  readonly verify: Access['verify']
  /** The hub's own host. */
  readonly web: Web
}

/** The rooms, and what is there before them. */
export type House = Rooms & Given

type Seen<Names extends keyof Rooms> = Given & Pick<Rooms, Names>

/**
 * Declares a room. Its functions see what is given and the rooms that it names: `needs` are there when it is made, `later` may
 * need it in turn. `provides`: what plugins get, by the name of the service.
 */
export const room = <
  Made,
  const Needs extends keyof Rooms = never,
  const Later extends keyof Rooms = never,
>(definition: {
  readonly needs?: readonly Needs[]
  readonly later?: readonly Later[]
  readonly after?: { readonly [Name in keyof Rooms]?: string }
  make(rooms: Seen<NoInfer<Needs | Later>>): Made
  readonly provides?: {
    readonly [Name in keyof HubServices]?: (
      made: Made,
      rooms: Seen<NoInfer<Needs | Later>>,
    ) => HubServices[Name]
  }
  start?(made: Made, rooms: Seen<NoInfer<Needs | Later>>): unknown
  stop?(made: Made, rooms: Seen<NoInfer<Needs | Later>>): unknown
}): Part<Made> => definition as Part<Made>
