import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { EndReason } from './session.ts'
import type { LiveStream, LiveStreams } from './sessions.ts'

/** Streams that one answer is about: same session, app and way. */
interface Group {
  readonly key: string
  readonly sample: LiveStream
  readonly streams: Set<LiveStream>
}

export interface RunningLiveStreams extends LiveStreams {
  /** Cuts all streams of a session at once. Returns how many. */
  cutSession(sessionId: string, reason: EndReason): number
  /** Cuts all streams that go through an agent. Returns how many. */
  cutAgent(hostname: string, reason: EndReason): number
  /** How many streams were cut since the start because access was taken away; time alone does not count. */
  readonly revoked: number
  /**
   * Asks about every group whether it may go on and cuts those that may not. A pass that is under way is followed by
   * another one. Resolves, when all were asked, to the number of streams cut.
   */
  recheck(): Promise<number>
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
  const bySession = new Map<string, Map<string, Group>>()
  let size = 0
  let revoked = 0
  let pass: Promise<number> | null = null
  let nextPass: Promise<number> | null = null

  function remove(stream: LiveStream): boolean {
    const groups = bySession.get(stream.session.id)
    const group = groups?.get(keyOf(stream))
    if (!groups || !group?.streams.delete(stream)) return false
    size -= 1
    if (group.streams.size === 0) groups.delete(group.key)
    if (groups.size === 0) bySession.delete(stream.session.id)
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

  async function ask({ sample, streams }: Group): Promise<number> {
    let reason: EndReason | null
    try {
      const answer = judge(sample)
      reason = answer instanceof Promise ? await answer : answer
    } catch (error) {
      log.error({ app: sample.app.name, cause: messageOf(error) }, 'a live stream could not be judged')
      reason = 'denied'
    }
    return reason === null ? 0 : cut(streams, reason)
  }

  async function passOver(): Promise<number> {
    const asked: Promise<number>[] = []
    let until = performance.now() + SLICE_MS
    for (const groups of [...bySession.values()]) {
      for (const group of [...groups.values()]) {
        if (group.streams.size > 0) asked.push(ask(group))
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
      const groups = bySession.get(id) ?? new Map<string, Group>()
      bySession.set(id, groups)
      const key = keyOf(stream)
      const group = groups.get(key) ?? { key, sample: stream, streams: new Set<LiveStream>() }
      groups.set(key, group)
      group.streams.add(stream)
      size += 1
      return () => void remove(stream)
    },
    countBy({ sessionId, appId, agent }) {
      const groups =
        sessionId === undefined ? [...bySession.values()] : [bySession.get(sessionId) ?? new Map()]
      let count = 0
      for (const each of groups) {
        for (const { sample, streams } of each.values() as Iterable<Group>) {
          if (appId !== undefined && sample.app.id !== appId) continue
          if (agent === undefined) count += streams.size
          else for (const stream of streams) if (stream.agent === agent) count += 1
        }
      }
      return count
    },
    get size() {
      return size
    },
    get revoked() {
      return revoked
    },
    cutAgent(hostname, reason) {
      const groups = [...bySession.values()].flatMap((each) => [...each.values()])
      return cut(
        groups.flatMap(({ streams }) => [...streams].filter(({ agent }) => agent === hostname)),
        reason,
      )
    },
    cutSession(sessionId, reason) {
      const streams = [...(bySession.get(sessionId)?.values() ?? [])].flatMap((group) => [...group.streams])
      return cut(streams, reason)
    },
    recheck,
  }
}

const keyOf = ({ app, context }: LiveStream) => `${app.id} ${context.protocol} ${context.clientIp}`
