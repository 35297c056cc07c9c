import type { ProbeResult } from '../../api/administration.ts'
import { type App, isCarried } from '../../api/app.ts'
import type { AppState } from '../../api/tunnel.ts'
import type { RunningCatalog } from '../../gate/catalog/catalog.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { AppFault, AppFaults, ServingLinks } from './serving-links.ts'
import { DialError, isDirect, probeThrough, type ServingLink } from './tunnel-dialer.ts'

const TICK_MS = 1_000
/** How often an agent probes each of its apps, and how soon after a failure. */
const PROBE_MS = 30_000
const PROBE_FAILED_MS = 10_000
/** The first probe of an app, and the one after a connection has failed. */
const PROBE_SOON_MS = 1_000
const PROBES_AT_ONCE = 64

/** The latest result of one agent and one app. */
interface Result {
  /** The target that the result is about. */
  readonly target: string
  readonly link: ServingLink
  /** Null: the app was reached, or has not been tried yet. */
  reason: string | null
  error: string | null
  /** When the app is probed next, on the monotonic clock. */
  due: number
  probing: boolean
}

const asFault = (result: Result | null): AppFault | null =>
  result === null || result.reason === null ? null : { reason: result.reason, error: result.error ?? '' }

/** Tracks which apps their agents can reach. */
export type AppHealth = ReturnType<typeof createAppHealth>

/** One probe through a link, for an operator who tries an app before saving it. Never rejects. */
export async function probeApp(link: ServingLink | undefined, app: App, clock: Clock): Promise<ProbeResult> {
  const began = clock.monotonic()
  const failed = (reason: string, error: string): ProbeResult => ({
    ok: false,
    reason,
    error,
    ms: Math.round(clock.monotonic() - began),
  })
  if (!link?.usable) return failed('agent_none', 'The agent is not connected.')
  try {
    await probeThrough(link, app)
    return { ok: true, reason: null, error: null, ms: Math.round(clock.monotonic() - began) }
  } catch (error) {
    return failed(error instanceof DialError ? error.reason : 'unreachable', messageOf(error))
  }
}

/**
 * Probes each app from each of its agents: connects (TCP, and TLS for https: URIs) and sends the request of `spec.health`,
 * otherwise no data.
 */
export function createAppHealth(options: {
  readonly links: Pick<ServingLinks, 'get' | 'faultOf'>
  readonly catalog: Pick<RunningCatalog, 'list'>
  readonly clock: Clock
}) {
  const { links, catalog, clock } = options
  /** By app id and agent. */
  let results = new Map<string, Result>()
  let probing = 0

  const keyOf = (app: App, hostname: string): string => `${app.id} ${hostname}`
  const targetOf = ({ uri, tls, health }: App): string =>
    `${uri} ${tls.verify} ${tls.serverName} ${tls.ca} ${health?.path}`

  /** Ignores results of an earlier link or an earlier target. */
  function resultOf(app: App, hostname: string): Result | null {
    const result = results.get(keyOf(app, hostname))
    if (!result || result.target !== targetOf(app)) return null
    const link = links.get(hostname)
    // Any hub that relays leads to the same agent.
    const relayed = link !== undefined && !isDirect(link) && !isDirect(result.link)
    return relayed || result.link === link ? result : null
  }

  /** Own attempts through another hub count before what that hub says. */
  function faultOf(app: App, hostname: string): AppFault | null {
    const fault = asFault(resultOf(app, hostname))
    const link = links.get(hostname)
    if (fault !== null || !link || isDirect(link)) return fault
    return links.faultOf?.(app.id, hostname) ?? null
  }

  function set(app: App, result: Result, error: unknown): void {
    // A broken link does not mean that the app is unreachable.
    if (error instanceof DialError && error.code === 'MEZ_LINK_LOST') return
    result.reason = error === null ? null : error instanceof DialError ? error.reason : 'unreachable'
    result.error = error === null ? null : messageOf(error)
    const intervalMs = app.health?.intervalMs ?? PROBE_MS
    result.due = clock.monotonic() + (error === null ? intervalMs : Math.min(intervalMs, PROBE_FAILED_MS))
  }

  function tick(): void {
    const now = clock.monotonic()
    const kept = new Map<string, Result>()
    for (const app of catalog.list()) {
      for (const hostname of app.agents) {
        const link = links.get(hostname)
        if (!link?.usable) continue
        const known = resultOf(app, hostname)
        // Hubs with a link to the agent probe; through them, only what has failed for this hub is tried again.
        if (!isDirect(link) && (known?.reason ?? null) === null) continue
        const result = known ?? {
          target: targetOf(app),
          link,
          reason: null,
          error: null,
          probing: false,
          due: now + PROBE_SOON_MS,
        }
        kept.set(keyOf(app, hostname), result)
        if (now >= result.due && !result.probing && probing < PROBES_AT_ONCE) probe(app, hostname, result)
      }
    }
    results = kept
  }

  function probe(app: App, hostname: string, result: Result): void {
    probing += 1
    result.probing = true
    probeThrough(links.get(hostname) ?? result.link, app)
      .then(
        () => set(app, result, null),
        (error: unknown) => set(app, result, error),
      )
      .finally(() => {
        probing -= 1
        result.probing = false
      })
  }

  const timer = setInterval(tick, TICK_MS).unref()
  return {
    /** Records the result of a connection to an app; null: it was reached. */
    record(app: App, link: ServingLink, error: unknown): void {
      const result = resultOf(app, link.hostname)
      if (!result) {
        const due = clock.monotonic() + PROBE_SOON_MS
        const made: Result = { target: targetOf(app), link, reason: null, error: null, due, probing: false }
        set(app, made, error)
        if (app.health) made.due = due
        results.set(keyOf(app, link.hostname), made)
      } else if (error !== null) set(app, result, error)
      else if (result.reason !== null) {
        // An app that accepts connections need not be healthy: its next probe decides.
        if (app.health) result.due = clock.monotonic()
        else set(app, result, null)
      }
    },
    stateOf(app: App): AppState {
      if (!app.enabled) return { state: 'disabled', reason: null }
      // Nobody here knows more of it.
      if (!isCarried(app)) return { state: 'ready', reason: 'served_by_proxy' }
      const connected = app.agents.filter((hostname) => links.get(hostname)?.usable)
      if (connected.length === 0) return { state: 'no_agent', reason: null }
      const reasons = connected.map((hostname) => faultOf(app, hostname)?.reason ?? null)
      return reasons.includes(null)
        ? { state: 'ready', reason: null }
        : { state: 'unreachable', reason: reasons[0] ?? null }
    },
    /** Why this agent's last attempt to reach the app failed; null: it succeeded. */
    lastError: (app: App, hostname: string): string | null => faultOf(app, hostname)?.error ?? null,
    /** What fails through links of this hub. */
    faults(): AppFaults {
      const found = new Map<string, AppFault>()
      for (const [key, result] of results) {
        const fault = isDirect(result.link) ? asFault(result) : null
        if (fault !== null) found.set(key, fault)
      }
      return found
    },
    stop: () => clearInterval(timer),
  }
}
