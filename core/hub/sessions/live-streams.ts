import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { EndReason } from './session.ts'
import type { LiveStream, LiveStreams } from './sessions.ts'

export interface RunningLiveStreams extends LiveStreams {
  /** Cuts all streams of a session at once. Returns how many. */
  cutSession(sessionId: string, reason: EndReason): number
  /** Cuts all streams that go through an agent. Returns how many. */
  cutAgent(hostname: string, reason: EndReason): number
  /** How many there are, by protocol. */
  byProtocol(): Readonly<Record<string, number>>
  /** How many there are, by id of the session. */
  bySession(): Readonly<Record<string, number>>
  /**
   * Cuts the streams of sessions that are over at `now`. Returns when the next session with something open ends;
   * `Infinity` when nothing is open. Both in milliseconds since the epoch.
   */
  cutExpired(now: number): number
  /** How many streams were cut since the start because access was taken away; time alone does not count. */
  readonly revoked: number
  /**
   * Asks about every group whether it may go on and cuts those that may not. A pass that is under way is followed by
   * another one. Resolves, when all were asked, to the number of streams cut.
   */
  recheck(): Promise<number>
}

/** What is open of one session. */
interface Held {
  readonly streams: Set<LiveStream>
  /** One of each group, see `samplesOf`; null since streams came or went. */
  samples: readonly LiveStream[] | null
}

const SLICE_MS = 4
const BY_TIME: ReadonlySet<EndReason> = new Set(['expired', 'idle', 'stale_view'])

/**
 * The index of everything live. `judge` says why a stream may not go on, or null; it is asked in slices of a few
 * milliseconds, so that many streams do not hold up the others.
 */
export function createLiveStreams(options: {
  readonly judge: (stream: LiveStream) => EndReason | null | Promise<EndReason | null>
  readonly log: Log
}): RunningLiveStreams {
  const { judge, log } = options
  const bySession = new Map<string, Held>()
  let size = 0
  let revoked = 0
  let pass: Promise<number> | null = null
  let nextPass: Promise<number> | null = null

  function remove(stream: LiveStream): boolean {
    const { id } = stream.session
    const held = bySession.get(id)
    if (!held?.streams.delete(stream)) return false
    held.samples = null
    size -= 1
    if (held.streams.size === 0) bySession.delete(id)
    return true
  }

  function cut(streams: Iterable<LiveStream>, reason: EndReason): number {
    let count = 0
    for (const stream of [...streams]) {
      if (!remove(stream)) continue
      count += 1
      if (!BY_TIME.has(reason)) revoked += 1
      try {
        stream.cut(reason)
      } catch (error) {
        log.error({ app: stream.app.name, cause: messageOf(error) }, 'a stream could not be cut')
      }
    }
    return count
  }

  /** One answer is about all streams of the same session, app and way. */
  async function ask(sample: LiveStream): Promise<number> {
    let reason: EndReason | null
    try {
      const answer = judge(sample)
      reason = answer instanceof Promise ? await answer : answer
    } catch (error) {
      log.error({ app: sample.app.name, cause: messageOf(error) }, 'a live stream could not be judged')
      reason = 'denied'
    }
    if (reason === null) return 0
    const key = keyOf(sample)
    const streams = [...(bySession.get(sample.session.id)?.streams ?? [])]
    return cut(
      streams.filter((stream) => keyOf(stream) === key),
      reason,
    )
  }

  async function passOver(): Promise<number> {
    const asked: Promise<number>[] = []
    let until = performance.now() + SLICE_MS
    for (const held of [...bySession.values()]) {
      held.samples ??= samplesOf(held.streams)
      for (const sample of held.samples) {
        asked.push(ask(sample))
        if (performance.now() < until) continue
        await new Promise((resolve) => setImmediate(resolve))
        until = performance.now() + SLICE_MS
      }
    }
    return (await Promise.all(asked)).reduce((sum, count) => sum + count, 0)
  }

  function recheck(): Promise<number> {
    if (!pass) {
      pass = passOver().finally(() => {
        pass = null
      })
      return pass
    }
    nextPass ??= pass.then(() => {
      nextPass = null
      return recheck()
    })
    return nextPass
  }

  return {
    add(stream) {
      const { id } = stream.session
      const held = bySession.get(id)
      if (held === undefined) bySession.set(id, { streams: new Set([stream]), samples: null })
      else {
        held.streams.add(stream)
        held.samples = null
      }
      size += 1
      return () => void remove(stream)
    },
    countBy({ sessionId, appId, agent }) {
      const asked = sessionId === undefined ? bySession.values() : [bySession.get(sessionId)]
      let count = 0
      for (const held of asked) {
        const streams = held?.streams ?? []
        for (const stream of streams) {
          if (appId !== undefined && stream.app.id !== appId) continue
          if (agent === undefined || stream.agent === agent) count += 1
        }
      }
      return count
    },
    byProtocol() {
      const counts: Record<string, number> = {}
      for (const { streams } of bySession.values())
        for (const { context } of streams) counts[context.protocol] = (counts[context.protocol] ?? 0) + 1
      return counts
    },
    bySession: () => Object.fromEntries([...bySession].map(([id, { streams }]) => [id, streams.size])),
    cutExpired(now) {
      let next = Number.POSITIVE_INFINITY
      for (const { streams } of bySession.values()) {
        const [sample] = streams
        if (!sample) continue
        const { expires } = sample.session
        if (expires <= now) cut(streams, 'expired')
        else next = Math.min(next, expires)
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
      const all = [...bySession.values()].flatMap(({ streams }) => [...streams])
      return cut(
        all.filter(({ agent }) => agent === hostname),
        reason,
      )
    },
    cutSession: (sessionId, reason) => cut(bySession.get(sessionId)?.streams ?? [], reason),
    recheck,
  }
}

const keyOf = ({ app, context }: LiveStream) => `${app.id} ${context.protocol} ${context.clientIp}`

/** One stream of each group: of the same app, over the same protocol and from the same address. */
function samplesOf(streams: Iterable<LiveStream>): LiveStream[] {
  const samples: LiveStream[] = []
  const seen = new Map<string, Map<string, Set<string>>>()
  for (const stream of streams) {
    const { app, context } = stream
    const ways = entryOf(seen, app.id, () => new Map<string, Set<string>>())
    const addresses = entryOf(ways, context.protocol, () => new Set<string>())
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
