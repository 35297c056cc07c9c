/**
 * Browsers of many people: told `ManyPeopleJob`, it sends that many requests a second, each as the next person, on kept
 * connections. For each message after that it tells what it counted since the last one. It never waits for an answer before
 * it sends the next request, so that a slow hub is not spared; whoever has waited for 20 s gives up.
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'
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
  /** Statuses with the hub's code, and codes of errors, with how often they came. */
  readonly failed: Readonly<Record<string, number>>
  readonly p50Ms: number
  readonly p99Ms: number
  /** How long a request waited until it had a connection: the 99th percentile. */
  readonly connectionP99Ms: number
  /** Connections that were opened. */
  readonly connections: number
  /** Requests without an answer at the end. */
  readonly waiting: number
}

const TICK_MS = 10
/** The rate grows for so long, since nobody opens all connections in one second. */
const RAMP_MS = 20_000
const DEADLINE_MS = 20_000

interface Sent {
  readonly request: ClientRequest
  readonly at: number
  over: boolean
}

const nothing = () => ({
  ok: 0,
  connections: 0,
  failed: {} as Record<string, number>,
  times: [] as number[],
  connecting: [] as number[],
})
let since = performance.now()
let counted = nothing()
/** In the order in which they were sent; some of them may be over. */
let waiting: Sent[] = []

/** `504 app_timeout`: an answer of the hub itself has a code. */
async function reasonOf(answer: IncomingMessage): Promise<string> {
  const code = /"code":\s*"(\w+)"/.exec(await text(answer))?.[1]
  return [answer.statusCode, code].filter(Boolean).join(' ')
}

function start({ port, ca, perSecond, people }: ManyPeopleJob): void {
  // A host's connections are shared by the people of its application.
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ca })
  let sent = 0
  const began = performance.now()
  since = began
  const send = (): void => {
    const { host, cookie } = people[sent++ % people.length]!
    const one: Sent = {
      at: performance.now(),
      over: false,
      request: request({
        agent,
        host: '127.0.0.1',
        port,
        servername: host,
        path: '/download?bytes=1000',
        headers: { host: `${host}:${port}`, cookie, accept: 'application/json' },
      }),
    }
    const end = (why: string | null): void => {
      if (one.over) return
      one.over = true
      if (why !== null) {
        counted.failed[why] = (counted.failed[why] ?? 0) + 1
        return
      }
      counted.ok += 1
      counted.times.push(performance.now() - one.at)
    }
    one.request.on('socket', (socket) => {
      counted.connecting.push(performance.now() - one.at)
      if (socket.connecting) counted.connections += 1
    })
    one.request.on('response', (answer) => {
      answer.on('error', ({ message }) => end(message))
      if (answer.statusCode !== 200) return void reasonOf(answer).then(end, () => {})
      answer.on('end', () => end(null))
      answer.resume()
    })
    one.request.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    one.request.end()
    waiting.push(one)
  }
  /** Also those that wait for a connection, of which Node.js knows no deadline. */
  const giveUp = (): void => {
    const due = performance.now() - DEADLINE_MS
    waiting = waiting.filter(({ over }) => !over)
    for (const one of waiting) {
      if (one.at > due) return
      one.request.destroy(
        new Error(one.request.socket === null ? 'no connection in 20 s' : 'no answer in 20 s'),
      )
    }
  }
  setInterval(giveUp, 1_000)
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
    const { ok, failed, connections, times, connecting } = counted
    // JSON has no NaN.
    const of = (values: readonly number[], share: number): number => percentile(values, share) || 0
    const count: ManyPeopleCount = {
      seconds: (now - since) / 1_000,
      ok,
      failed,
      connections,
      p50Ms: of(times, 0.5),
      p99Ms: of(times, 0.99),
      connectionP99Ms: of(connecting, 0.99),
      waiting: waiting.filter(({ over }) => !over).length,
    }
    since = now
    counted = nothing()
    process.send?.(count)
  })
  process.send?.({ started: true })
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
