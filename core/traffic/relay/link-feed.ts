import type { ServerHttp2Stream } from 'node:http2'
import { encodeLine } from '../../wire/line-reader.ts'
import type { LiveLink } from '../tunnel/link.ts'
import type { LiveLinks } from '../tunnel/link-registry.ts'
import type { AppFault, AppFaults } from '../tunnel/serving-links.ts'

/** How often the links of this hub are compared with what the other hubs know. */
const COMPARE_MS = 250
/** How often the same is done for the apps that are not reached. */
const FAULTS_MS = 1_000
/** A hub that reads so slowly that this much waits is cut off; it begins again. */
const MOST_UNREAD = 16 << 20

/**
 * Tells the other hubs which agents have a usable link to this one, and which apps are not reached through these: all at first,
 * then changes. Compares instead of listening, so that no way in which a link becomes unusable can be missed.
 */
export function createLinkFeed(options: {
  readonly links: Pick<LiveLinks, 'list'>
  readonly faults: () => AppFaults
  readonly instanceId: string
}) {
  const { links, faults, instanceId } = options
  const listeners = new Set<ServerHttp2Stream>()
  let known: ReadonlyMap<string, LiveLink> = new Map()
  let failing: AppFaults = new Map()
  let timers: NodeJS.Timeout[] = []

  function compare(): void {
    const now = new Map<string, LiveLink>()
    const lines: Buffer[] = []
    for (const link of links.list()) {
      if (!link.usable) continue
      now.set(link.hostname, link)
      if (known.get(link.hostname) !== link) lines.push(upLine(link))
    }
    for (const hostname of known.keys()) {
      if (!now.has(hostname)) lines.push(encodeLine({ type: 'down', agent: hostname }))
    }
    known = now
    tellAll(lines)
  }

  function compareFaults(): void {
    const now = faults()
    const lines: Buffer[] = []
    for (const [key, fault] of now) {
      const before = failing.get(key)
      if (before?.reason !== fault.reason || before.error !== fault.error) lines.push(faultLine(key, fault))
    }
    for (const key of failing.keys()) if (!now.has(key)) lines.push(faultLine(key, null))
    failing = now
    tellAll(lines)
  }

  function tellAll(lines: readonly Buffer[]): void {
    if (lines.length === 0) return
    const news = Buffer.concat(lines)
    for (const stream of listeners) write(stream, news)
  }

  function write(stream: ServerHttp2Stream, bytes: Buffer): void {
    if (stream.destroyed || stream.writableEnded) return
    if (stream.writableLength > MOST_UNREAD) stream.session?.destroy()
    else stream.write(bytes)
  }

  return {
    /** Writes to a stream until that closes. */
    tell(stream: ServerHttp2Stream): void {
      compare()
      compareFaults()
      const hello = encodeLine({ type: 'hello', hub: instanceId })
      const faulty = [...failing].map(([key, fault]) => faultLine(key, fault))
      const listed = encodeLine({ type: 'listed' })
      write(stream, Buffer.concat([hello, ...[...known.values()].map(upLine), ...faulty, listed]))
      listeners.add(stream)
      if (timers.length === 0)
        timers = [setInterval(compare, COMPARE_MS), setInterval(compareFaults, FAULTS_MS)]
      stream.once('close', () => {
        listeners.delete(stream)
        if (listeners.size === 0) stop()
      })
    },
    close: stop,
  }

  function stop(): void {
    for (const timer of timers) clearInterval(timer)
    timers = []
  }
}

const upLine = ({ hostname, version, transport, since }: LiveLink): Buffer =>
  encodeLine({ type: 'up', agent: hostname, version, transport, since })

function faultLine(key: string, fault: AppFault | null): Buffer {
  const [app, agent] = key.split(' ')
  return encodeLine({ type: 'app', agent, app, reason: fault?.reason ?? null, error: fault?.error ?? null })
}
