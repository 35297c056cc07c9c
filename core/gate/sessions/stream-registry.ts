import type { AdmissionQuery } from '../../api/admission.ts'
import type { App } from '../../api/app.ts'
import type { AccessContext } from '../../api/decision.ts'
import type { EndReason, Session, StreamRegistry } from '../../api/sessions.ts'
import { createSharedRun } from '../../base/limits/shared-run.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { Roster, type RosterMember } from '../../wire/roster.ts'

/** Something open (a request, a WebSocket, a TCP connection) that ends when its access does. */
export interface LiveStream extends RosterMember {
  readonly session: Session
  readonly app: App
  readonly agent: string | null
  readonly context: AccessContext
  /** The request that opened it, as it was received; null if there is none. */
  readonly received?: AdmissionQuery['request'] | null
  /** What only this request has met. */
  readonly own?: AdmissionQuery['met']
  /** Closes both sides at once. Called at most once, synchronously, after the stream was removed from the registry. */
  cut(reason: EndReason): void
}

/** Why a stream ends; null: it goes on; `each`: streams like it must be decided one by one, by the requests that opened them. */
export type StreamEnd = EndReason | 'each' | null

export interface RunningStreams extends StreamRegistry {
  add(stream: LiveStream): void
  /** Returns false when the stream was not registered. */
  remove(stream: LiveStream): boolean
  /** Cuts all streams of a session at once. Returns their number. */
  cutSession(sessionId: string, reason: EndReason): number
  /** Cuts all streams through an agent. Returns their number. */
  cutAgent(hostname: string, reason: EndReason): number
  /** Number of live streams by protocol. */
  byProtocol(): Readonly<Record<string, number>>
  /** Number of live streams by session id. */
  bySession(): Readonly<Record<string, number>>
  /**
   * Cuts the streams of sessions that have expired at `now`. Returns when the next session with a live stream expires;
   * `Infinity` when there are no live streams. Both in milliseconds since the epoch.
   */
  cutExpired(now: number): number
  /** Number of streams cut since the start because access was revoked; expired sessions do not count. */
  readonly revoked: number
  /**
   * Checks every group of streams and cuts those that have lost access. If a pass is already running, another one follows
   * it. Resolves to the number of streams cut once all were checked.
   */
  recheck(): Promise<number>
}

/** The live streams of one session. Kept for up to a second after the last one closes: usually the next opens by then. */
interface Held {
  readonly entries: Roster<LiveStream>
  /** One stream of each group, see `samplesOf`; null when streams were added or removed since. */
  samples: readonly LiveStream[] | null
}

const SLICE_MS = 4
const BY_TIME: ReadonlySet<EndReason> = new Set(['expired', 'idle', 'stale_view'])

/**
 * The index of all live streams. `endOf` returns why a stream has lost access, or null. It is called in slices of a few
 * milliseconds, so that many streams do not block the event loop.
 */
export function createStreamRegistry(options: {
  readonly endOf: (stream: LiveStream, alone: boolean) => StreamEnd | Promise<StreamEnd>
  readonly log: Log
}): RunningStreams {
  const { endOf, log } = options
  const bySession = new Map<string, Held>()
  let size = 0
  let revoked = 0

  function remove(stream: LiveStream, held = bySession.get(stream.session.id)): boolean {
    if (!held?.entries.remove(stream)) return false
    held.samples = null
    size -= 1
    return true
  }

  function cut(held: Held | undefined, reason: EndReason, which?: (stream: LiveStream) => boolean): number {
    if (held === undefined) return 0
    let count = 0
    for (const stream of [...held.entries.members]) {
      if (which?.(stream) === false || !remove(stream, held)) continue
      count += 1
      if (!BY_TIME.has(reason)) revoked += 1
      try {
        stream.cut(reason)
      } catch (error) {
        log.error({ app: stream.app.name, cause: messageOf(error) }, 'failed to cut a stream')
      }
    }
    return count
  }

  /** One result applies to all streams of the same session, app, protocol and address. */
  async function check(sample: LiveStream, alone = false): Promise<number> {
    let reason: StreamEnd
    try {
      const found = endOf(sample, alone)
      reason = found instanceof Promise ? await found : found
    } catch (error) {
      log.error(
        { app: sample.app.name, cause: messageOf(error) },
        'failed to re-check a stream, so it was cut',
      )
      reason = 'denied'
    }
    if (reason === null) return 0
    const held = bySession.get(sample.session.id)
    const key = keyOf(sample)
    const isLike = (stream: LiveStream) => (alone ? stream === sample : keyOf(stream) === key)
    if (reason !== 'each') return cut(held, reason, isLike)
    let count = 0
    for (const stream of held?.entries.members.filter(isLike) ?? []) count += await check(stream, true)
    return count
  }

  async function passOver(): Promise<number> {
    const checks: Promise<number>[] = []
    let until = performance.now() + SLICE_MS
    for (const held of [...bySession.values()]) {
      held.samples ??= samplesOf(held.entries.members)
      for (const sample of held.samples) {
        checks.push(check(sample))
        if (performance.now() < until) continue
        await new Promise((resolve) => setImmediate(resolve))
        until = performance.now() + SLICE_MS
      }
    }
    return (await Promise.all(checks)).reduce((sum, count) => sum + count, 0)
  }

  return {
    add(stream) {
      const { id } = stream.session
      let held = bySession.get(id)
      if (held === undefined) {
        held = { entries: new Roster(), samples: null }
        bySession.set(id, held)
      }
      held.entries.add(stream)
      held.samples = null
      size += 1
    },
    remove: (stream) => remove(stream),
    countBy({ sessionId, appId, agent }) {
      const groups = sessionId === undefined ? bySession.values() : [bySession.get(sessionId)]
      let count = 0
      for (const held of groups) {
        for (const stream of held?.entries.members ?? []) {
          if (appId !== undefined && stream.app.id !== appId) continue
          if (agent === undefined || stream.agent === agent) count += 1
        }
      }
      return count
    },
    byProtocol() {
      const counts: Record<string, number> = {}
      for (const { entries } of bySession.values())
        for (const { context } of entries.members) {
          const { protocol } = context
          counts[protocol] = (counts[protocol] ?? 0) + 1
        }
      return counts
    },
    bySession: () =>
      Object.fromEntries(
        [...bySession].map(([id, { entries }]) => [id, entries.members.length]).filter(([, n]) => n !== 0),
      ),
    cutExpired(now) {
      let next = Number.POSITIVE_INFINITY
      for (const [id, held] of bySession) {
        const [sample] = held.entries.members
        if (sample === undefined) bySession.delete(id)
        else if (sample.session.expires <= now) cut(held, 'expired')
        else next = Math.min(next, sample.session.expires)
      }
      return next
    },
    get size() {
      return size
    },
    get revoked() {
      return revoked
    },
    cutAgent(hostname, reason) {
      let count = 0
      for (const held of [...bySession.values()])
        count += cut(held, reason, ({ agent }) => agent === hostname)
      return count
    },
    cutSession: (sessionId, reason) => cut(bySession.get(sessionId), reason),
    recheck: createSharedRun(passOver).run,
  }
}

const keyOf = ({ app, context }: LiveStream) => `${app.id} ${context.protocol} ${context.clientIp}`

/** One stream of each group, that is of the same app, protocol and client address. */
function samplesOf(streams: readonly LiveStream[]): LiveStream[] {
  const samples: LiveStream[] = []
  const seen = new Map<string, Map<string, Set<string | null>>>()
  for (const stream of streams) {
    const { app, context } = stream
    const ways = entryOf(seen, app.id, () => new Map<string, Set<string | null>>())
    const addresses = entryOf(ways, context.protocol, () => new Set<string | null>())
    if (addresses.has(context.clientIp)) continue
    addresses.add(context.clientIp)
    samples.push(stream)
  }
  return samples
}

function entryOf<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
