import {
  type AppSource,
  type Clock,
  encodeLine,
  type Log,
  MOST_PROPOSED,
  messageOf,
  PROPOSALS_BYTES,
  PROPOSALS_PER_MINUTE,
  type ProposedApp,
  readProposedApp,
} from '@mezite/core/agent'

/** Changes in a minute. Below the limit of the hub, which also counts the message of a new link. */
const MOST_A_MINUTE = PROPOSALS_PER_MINUTE - 4
const MINUTE_MS = 60_000
/** Sources of one start tell at about the same time. */
const SETTLE_MS = 50

/** The apps that the plugins of an agent propose. */
export interface AppProposals {
  /** For a hub: at most one, and none while no source has proposed anything. */
  messages(): readonly object[]
  /** Starts the sources. */
  start(): void
  stop(): void
}

/** Collects the proposals of all sources, and calls `changed` soon after each change, at most 8 times a minute. */
export function collectProposals(options: {
  readonly sources: readonly AppSource[]
  readonly changed: (message: object) => void
  readonly clock: Clock
  readonly log: Log
}): AppProposals {
  const { sources, changed, clock, log } = options
  const stopped = new AbortController()
  const found = new Map<AppSource, readonly ProposedApp[]>()
  let message: object | null = null
  /** When the last changes were sent, oldest first. */
  const sent: number[] = []
  let timer: NodeJS.Timeout | undefined

  function take(source: AppSource, given: readonly ProposedApp[]): void {
    if (stopped.signal.aborted) return
    const apps = [...given].map((one) => ({ app: readProposedApp(one), given: one }))
    for (const { app, given } of apps)
      if (app === null)
        log.warn({ source: source.name, app: nameOf(given) }, 'a proposed app is not valid and left out')
    found.set(
      source,
      apps.flatMap(({ app }) => app ?? []),
    )
    const next = messageWith(
      sources.flatMap((one) => found.get(one) ?? []),
      log,
    )
    if (message !== null && encodeLine(next).equals(encodeLine(message))) return
    message = next
    const full = sent.length < MOST_A_MINUTE ? 0 : sent[0]! + MINUTE_MS - clock.monotonic()
    timer ??= setTimeout(send, Math.max(SETTLE_MS, full)).unref()
  }

  function send(): void {
    timer = undefined
    sent.push(clock.monotonic())
    if (sent.length > MOST_A_MINUTE) sent.shift()
    if (message !== null) changed(message)
  }

  async function watch(source: AppSource): Promise<void> {
    try {
      await source.watch((apps) => take(source, apps), stopped.signal)
    } catch (error) {
      if (!stopped.signal.aborted)
        log.error({ source: source.name, error: messageOf(error) }, 'a source of apps has failed')
    }
  }

  return {
    messages: () => (message === null ? [] : [message]),
    start() {
      for (const source of sources) void watch(source)
    },
    stop() {
      stopped.abort()
      clearTimeout(timer)
    },
  }
}

/** The first of each name, as many as a hub reads. */
function messageWith(all: readonly ProposedApp[], log: Log): object {
  const apps = new Map<string, ProposedApp>()
  for (const app of all) if (!apps.has(app.name)) apps.set(app.name, app)
  const kept = [...apps.values()].slice(0, MOST_PROPOSED)
  while (encodeLine({ type: 'apps', apps: kept }).length > PROPOSALS_BYTES) kept.pop()
  if (kept.length < apps.size)
    log.warn({ proposed: kept.length, found: apps.size }, 'too many apps to propose; the rest is left out')
  return { type: 'apps', apps: kept }
}

const nameOf = (given: unknown): string => String(Object(given).name).slice(0, 63)
