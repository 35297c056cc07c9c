import type { App } from '../../api/app.ts'
import type { Attention } from '../../api/attention.ts'
import type { Catalog } from '../../api/catalog.ts'
import type { Authorities, AuthorityName } from '../../api/certificate-authorities.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { TunnelChanged } from '../../api/tunnel.ts'
import type { Registry } from '../../cluster/cluster.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Locks } from '../access/lock.ts'
import type { RunningAudit } from '../audit/audit.ts'
import type { RunningJobs } from '../jobs/jobs.ts'
import type { Certificates } from '../listener/certificates.ts'
import type { RunningTunnel } from '../tunnel/tunnel.ts'

const DAY_MS = 24 * 3_600_000
const EXPIRY_DAYS = 21
const CLOCK_MS = 5_000
/** Twice the number of events that a sink writes at once. */
const QUEUED = 2_000
const FAILED_RUNS = 3
/** The authorities whose certificates expire. */
export const AUTHORITIES: readonly AuthorityName[] = ['hub-ca', 'agent-ca', 'user-ca']

/** The rooms that know of problems. */
export interface Watched {
  readonly catalog: Pick<Catalog, 'list'>
  readonly tunnel: Pick<RunningTunnel, 'links' | 'agents' | 'stateOf' | 'lastError'>
  readonly locks: Pick<Locks, 'isAgentLocked'>
  readonly certificates: Pick<Certificates, 'development' | 'states'>
  readonly authorities: Pick<Authorities, 'keys'>
  readonly audit: Pick<RunningAudit, 'sinks'>
  readonly jobs: Pick<RunningJobs, 'states'>
  readonly registry: Pick<Registry, 'clockAheadMs'>
  readonly revisions: Pick<Revisions, 'fresh'>
}

/** The list `attention` of `GET /v1/webapi/status`, as this hub sees the cluster. */
export function createAttention(
  rooms: Watched,
  hub: string,
  clock: Clock,
  parentNode = process.env.MEZITE_PARENT_NODE,
) {
  const startedMs = clock.now()
  const lastSeen = new Map<string, number>()

  function agents(): Attention[] {
    const connected = new Set(rooms.tunnel.links().map(({ hostname }) => hostname))
    return rooms.tunnel
      .agents()
      .filter(({ hostname }) => !connected.has(hostname))
      .map(({ hostname }) => {
        const seen = lastSeen.get(hostname)
        const since = seen
          ? `last seen ${span(clock.now() - seen)} ago`
          : `not seen since the hub started ${span(clock.now() - startedMs)} ago`
        const left = rooms.catalog
          .list()
          .filter(
            (app) => app.agents.includes(hostname) && rooms.tunnel.stateOf(app).state === 'no_agent',
          ).length
        const apps = left === 0 ? '' : `; nobody reaches ${left === 1 ? 'its app' : `its ${left} apps`}`
        const locked = rooms.locks.isAgentLocked(hostname) ? 'locked, ' : ''
        return { kind: 'agent', subject: hostname, message: `${locked}not connected, ${since}${apps}` }
      })
  }

  function apps(): Attention[] {
    const joined = new Set(rooms.tunnel.agents().map(({ hostname }) => hostname))
    return rooms.catalog.list().flatMap((app) => {
      const { state, reason } = rooms.tunnel.stateOf(app)
      // The line of an agent that is away counts its apps.
      const counted = state === 'no_agent' && app.agents.some((hostname) => joined.has(hostname))
      if (state === 'ready' || state === 'disabled' || counted) return []
      const message = state === 'no_agent' ? whyNone(app) : `unreachable: ${lastError(app) ?? reason}`
      return [{ kind: 'app', subject: app.name, message }] as const
    })
  }

  /** What an agent has said last about the app. */
  function lastError(app: App): string | undefined {
    const errors = app.agents.map((hostname) => rooms.tunnel.lastError(app, hostname))
    return errors.find((error) => error !== null) ?? undefined
  }

  function certificates(): Attention[] {
    const authorities = AUTHORITIES.flatMap((name) =>
      rooms.authorities
        .keys(name)
        .map(({ expires }) => ({ subject: name, expires, problem: null, overdue: 0 })),
    )
    const served = rooms.certificates.development ? [] : rooms.certificates.states()
    return [...served, ...authorities].flatMap(({ subject, expires, problem, overdue = 0 }) => {
      if (problem !== null) return [{ kind: 'certificate', subject, message: problem }] as const
      if (expires === null || overdue > clock.now()) return []
      const days = Math.floor((expires - clock.now()) / DAY_MS)
      if (days >= EXPIRY_DAYS) return []
      const left = span(Math.abs(expires - clock.now()))
      const message = `${days < 0 ? `expired ${left} ago` : `expires in ${left}`}, ${timeOf(expires)}`
      return [{ kind: 'certificate', subject, message }] as const
    })
  }

  function audit(): Attention[] {
    return rooms.audit.sinks.flatMap(({ name, queued, dropped }) => {
      if (queued < QUEUED && dropped === 0) return []
      return [
        { kind: 'audit', subject: name, message: `${queued} events wait, ${dropped} were dropped` },
      ] as const
    })
  }

  /** One failed run may be a restart of the database. */
  function jobs(): Attention[] {
    return rooms.jobs.states().flatMap(({ name, failures, result }) => {
      if (failures < FAILED_RUNS) return []
      return [
        { kind: 'job', subject: name, message: `failed ${failures} times in a row: ${result}` },
      ] as const
    })
  }

  function hubs(): Attention[] {
    const { clockAheadMs } = rooms.registry
    const found: Attention[] = []
    if (Math.abs(clockAheadMs) > CLOCK_MS) {
      const difference = `${Math.abs(clockAheadMs) / 1_000} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'}`
      found.push({ kind: 'clock', subject: hub, message: `the clock is ${difference} the database's` })
    }
    if (!rooms.revisions.fresh())
      found.push({ kind: 'database', subject: hub, message: 'access data cannot be read' })
    if (parentNode !== undefined) {
      const message = `a process of Node.js ${parentNode} waits beside the hub and holds about 45 MB; start the hub with Node.js 24, or with 22.15 or newer`
      found.push({ kind: 'runtime', subject: hub, message })
    }
    return found
  }

  return {
    /** Records when an agent was last connected; a tap of `tunnel.changed`. */
    changed: ({ hostname }: TunnelChanged): void => void lastSeen.set(hostname, clock.now()),
    list: (): readonly Attention[] => [
      ...hubs(),
      ...certificates(),
      ...audit(),
      ...jobs(),
      ...agents(),
      ...apps(),
    ],
  }
}

function whyNone({ agents }: App): string {
  if (agents.length === 0) return 'no agent is bound to it'
  return `no agent: ${agents.join(', ')} ${agents.length === 1 ? 'has' : 'have'} not joined`
}

/** A time span in its largest unit. */
function span(ms: number): string {
  const [unit, size] = UNITS.find(([, size]) => ms >= size) ?? ['second', 1_000]
  const amount = Math.floor(ms / size)
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`
}
const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['day', DAY_MS],
  ['hour', 3_600_000],
  ['minute', 60_000],
]

const timeOf = (ms: number): string => new Date(ms).toISOString()
