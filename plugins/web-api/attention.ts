import { type Catalog, type Clock, messageOf, type Users } from '@mezite/core'
import type { Attention, findings, HubState } from '@mezite/core/administration'

type App = ReturnType<Catalog['list']>[number]
type Entry = (typeof findings)['T'] & object

const DAY_MS = 24 * 3_600_000
const EXPIRY_DAYS = 21
const CLOCK_MS = 5_000
/** Twice the number of events that a sink writes at once. */
const QUEUED = 2_000
const FAILED_RUNS = 3
/** Of one plugin. */
const MOST_FINDINGS = 100

/** Where problems are known. */
export interface Watched {
  readonly catalog: Pick<Catalog, 'list'>
  readonly hubState: HubState
  readonly clock: Clock
  readonly users: Pick<Users, 'list'>
  /** What other plugins have found. */
  readonly findings?: readonly Entry[]
}

/** The list `attention` of `GET /v1/webapi/status`, as this hub sees the cluster. */
export function createAttention(
  { catalog, hubState, users, clock, findings: entries = [] }: Watched,
  parentNode = process.env.MEZITE_PARENT_NODE,
) {
  const startedMs = clock.now()
  const lastSeen = new Map<string, number>()

  function agents(): Attention[] {
    const connected = new Set(hubState.links().map(({ hostname }) => hostname))
    return hubState
      .agents()
      .filter(({ hostname }) => !connected.has(hostname))
      .map(({ hostname, locked }) => {
        const seen = lastSeen.get(hostname)
        const since = seen
          ? `last seen ${span(clock.now() - seen)} ago`
          : `not seen since the hub started ${span(clock.now() - startedMs)} ago`
        const left = catalog
          .list()
          .filter((app) => app.agents.includes(hostname) && hubState.stateOf(app).state === 'no_agent').length
        const apps = left === 0 ? '' : `; nobody reaches ${left === 1 ? 'its app' : `its ${left} apps`}`
        const state = locked ? 'locked, ' : ''
        return { kind: 'agent', subject: hostname, message: `${state}not connected, ${since}${apps}` }
      })
  }

  function apps(): Attention[] {
    const joined = new Set(hubState.agents().map(({ hostname }) => hostname))
    return catalog.list().flatMap((app) => {
      const { state, reason } = hubState.stateOf(app)
      // The line of an agent that is away counts its apps.
      const counted = state === 'no_agent' && app.agents.some((hostname) => joined.has(hostname))
      if (state === 'ready' || state === 'disabled' || counted) return []
      const message = state === 'no_agent' ? whyNone(app) : `unreachable: ${lastError(app) ?? reason}`
      return [{ kind: 'app', subject: app.name, message }] as const
    })
  }

  /** What an agent has said last about the app. */
  function lastError(app: App): string | undefined {
    const errors = app.agents.map((hostname) => hubState.lastError(app, hostname))
    return errors.find((error) => error !== null) ?? undefined
  }

  function certificates(): Attention[] {
    const authorities = hubState.authorities().map((one) => ({ ...one, problem: null, overdue: 0 }))
    const served = hubState.development ? [] : hubState.certificates()
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
    return hubState.sinks.flatMap(({ name, queued, dropped }) => {
      if (queued < QUEUED && dropped === 0) return []
      return [
        { kind: 'audit', subject: name, message: `${queued} events wait, ${dropped} were dropped` },
      ] as const
    })
  }

  /** One failed run may be a restart of the database. */
  function jobs(): Attention[] {
    return hubState.jobs().flatMap(({ name, failures, result }) => {
      if (failures < FAILED_RUNS) return []
      return [
        { kind: 'job', subject: name, message: `failed ${failures} times in a row: ${result}` },
      ] as const
    })
  }

  function hubs(): Attention[] {
    const { clockAheadMs, id } = hubState
    const found: Attention[] = []
    if (Math.abs(clockAheadMs) > CLOCK_MS) {
      const difference = `${Math.abs(clockAheadMs) / 1_000} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'}`
      found.push({ kind: 'clock', subject: id, message: `the clock is ${difference} the database's` })
    }
    if (!hubState.fresh) found.push({ kind: 'database', subject: id, message: 'access data cannot be read' })
    if (parentNode !== undefined) {
      const message = `a process of Node.js ${parentNode} waits beside the hub and holds about 45 MB; start the hub with Node.js 24, or with 22.15 or newer`
      found.push({ kind: 'runtime', subject: id, message })
    }
    return found
  }

  function keptAdmins(): Attention[] {
    return users.list().flatMap(({ name, adminKept, ownRoles }) => {
      if (adminKept === undefined || ownRoles.includes('admin')) return []
      const message = `keeps the role admin, which the provider has not given since ${timeOf(adminKept)}, because nobody else has it; give it to somebody else, and the next sign-in takes it`
      return [{ kind: 'finding', subject: name, message }] as const
    })
  }

  function found(): Attention[] {
    return entries.flatMap(({ name, list }) => {
      try {
        return list()
          .slice(0, MOST_FINDINGS)
          .map(({ subject, message }) => ({
            kind: 'finding',
            subject: String(subject),
            message: String(message),
          }))
      } catch (error) {
        return [{ kind: 'finding', subject: name, message: `cannot be listed: ${messageOf(error)}` }]
      }
    })
  }

  return {
    /** Records when an agent was last connected; a tap of `tunnel.changed`. */
    changed: ({ hostname }: { readonly hostname: string }): void => void lastSeen.set(hostname, clock.now()),
    list: (): readonly Attention[] => [
      ...hubs(),
      ...certificates(),
      ...audit(),
      ...jobs(),
      ...agents(),
      ...apps(),
      ...keptAdmins(),
      ...found(),
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
