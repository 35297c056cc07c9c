import { steadyRequests } from '../../e2e/steady-requests.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import { startSoakCluster } from '../start-soak-cluster.ts'

const GONE_MS = 60_000
/** `sessions.stream_staleness`, the default. */
const CUT_MS = 30_000
/** The view is a second old at most when the database goes, and the machine has other work. */
const SLACK_MS = 2_000
const FRESH_MS = 5_000

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export const outage = {
  name: 'outage',
  summary:
    'fault 6: the database is gone for a minute, with people at work, live streams and somebody locked',
  async run({ dir, teardown, options }: SoakRun): Promise<Outcome> {
    const cluster = await startSoakCluster({ teardown }, dir)
    const { a, b, postgres, liveUrl } = cluster
    const [alice, victim] = [await cluster.signIn('alice'), await cluster.signIn('victim')]
    await a.api('POST', '/locks', { target: { user: 'victim@example.com' } })
    const url = `${liveUrl}/download?bytes=100`
    await pause(SLACK_MS)

    const atA = await cut(() => cluster.balanceTo(a))
    const atB = await cut(() => cluster.balanceTo(b))
    async function cut(choose: () => void): Promise<() => number> {
      choose()
      const stream = await alice.stream(`${liveUrl}/events`, { timeoutMs: 3 * GONE_MS })
      let endedMs = Number.POSITIVE_INFINITY
      stream.on('error', () => {}).resume()
      stream.on('close', () => {
        endedMs = performance.now()
      })
      return () => endedMs
    }
    cluster.balanceTo(a, b)
    const work = steadyRequests(alice, url, 20)
    const locked = steadyRequests(victim, url, 5)
    await pause(SLACK_MS)
    await postgres.stop()
    const goneMs = performance.now()
    options.progress('  the database is gone')
    await pause(GONE_MS)
    await postgres.start()
    const backMs = performance.now()
    options.progress('  the database is back')
    await pause(10_000)
    const answers = await work.stop()
    const lockedAnswers = await locked.stop()

    const since = (atMs: number) => atMs - goneMs
    const refused = answers.filter(({ status }) => status !== 200)
    const during = answers.filter(({ atMs }) => since(atMs) > FRESH_MS && atMs < backMs)
    const again = answers.find(({ atMs, status }) => atMs > backMs && status === 200)
    const figures: SoakFigure[] = [
      atLeast('first refusal after', since(refused[0]?.atMs ?? Number.NaN), FRESH_MS - SLACK_MS),
      none('served with a view older than 5 s', during.filter(({ status }) => status === 200).length),
      none('refused with another status than 503', refused.filter(({ status }) => status !== 503).length),
      none(
        'the locked person let in, before, meanwhile or after',
        lockedAnswers.filter(({ status }) => status === 200).length,
      ),
      atMost('live stream at hub A cut after', since(atA()), CUT_MS + SLACK_MS),
      atMost('live stream at hub B cut after', since(atB()), CUT_MS + SLACK_MS),
      atLeast('live streams go on for', Math.min(since(atA()), since(atB())), CUT_MS - SLACK_MS),
      atMost('served again after its return', (again?.atMs ?? Number.NaN) - backMs, 2_000),
    ]
    return { growths: [], figures }
  },
}

const atMost = (what: string, value: number, limit: number): SoakFigure => ({
  what,
  value,
  unit: 'ms',
  limit: { kind: 'most', value: limit } as const,
})
const atLeast = (what: string, value: number, limit: number): SoakFigure => ({
  what,
  value,
  unit: 'ms',
  limit: { kind: 'least', value: limit } as const,
})
const none = (what: string, value: number): SoakFigure => ({
  what,
  value,
  unit: '',
  limit: { kind: 'most', value: 0 } as const,
})
