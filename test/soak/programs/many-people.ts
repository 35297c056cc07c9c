/**
 * Browsers of many people: told `ManyPeopleJob`, it sends that many requests a second, each as the next person, on kept
 * connections. For each message after that it tells what it counted since the last one. It never waits for an answer before
 * it sends the next request, so that a slow hub is not spared.
 */
import { Agent, request } from 'node:https'
import { percentile } from '../limits/percentile.ts'

export interface ManyPeopleJob {
  readonly port: number
  /** PEM. */
  readonly ca: string
  readonly perSecond: number
  /** One for each person. */
  readonly people: readonly { readonly host: string; readonly cookie: string }[]
}

export interface ManyPeopleCount {
  readonly seconds: number
  readonly ok: number
  /** Statuses and error codes that are no 200, with how often they came. */
  readonly failed: Readonly<Record<string, number>>
  readonly p50Ms: number
  readonly p99Ms: number
}

const TICK_MS = 10
/** The rate grows for so long, since nobody opens all connections in one second. */
const RAMP_MS = 20_000
const DEADLINE_MS = 20_000

let since = performance.now()
let ok = 0
let failed: Record<string, number> = {}
let times: number[] = []

function start({ port, ca, perSecond, people }: ManyPeopleJob): void {
  // A host's connections are shared by the people of its application.
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ca })
  let sent = 0
  const began = performance.now()
  since = began
  const send = (): void => {
    const { host, cookie } = people[sent++ % people.length]!
    const at = performance.now()
    const fail = (why: string): void => {
      failed[why] = (failed[why] ?? 0) + 1
    }
    const one = request(
      {
        ...{ agent, host: '127.0.0.1', port, servername: host, path: '/download?bytes=1000' },
        ...{ headers: { host: `${host}:${port}`, cookie }, timeout: DEADLINE_MS },
      },
      (answer) => {
        answer.on('error', () => {})
        answer.on('end', () => {
          if (answer.statusCode !== 200) return fail(String(answer.statusCode))
          ok += 1
          times.push(performance.now() - at)
        })
        answer.resume()
      },
    )
    one.on('timeout', () => one.destroy(new Error('timeout')))
    one.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
    one.end()
  }
  setInterval(() => {
    const ms = performance.now() - began
    const atFullRateMs = ms < RAMP_MS ? ms ** 2 / (2 * RAMP_MS) : ms - RAMP_MS / 2
    const due = (atFullRateMs / 1_000) * perSecond
    while (sent < due) send()
  }, TICK_MS)
}

process.once('message', (job: ManyPeopleJob) => {
  start(job)
  process.on('message', () => {
    const now = performance.now()
    const count: ManyPeopleCount = {
      ...{ seconds: (now - since) / 1_000, ok, failed },
      // JSON has no NaN.
      ...{ p50Ms: percentile(times, 0.5) || 0, p99Ms: percentile(times, 0.99) || 0 },
    }
    since = now
    ok = 0
    failed = {}
    times = []
    process.send?.(count)
  })
  process.send?.({ started: true })
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
