import type { Visitor } from '../../../core/testing/index.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import { failuresOf } from '../mixed/failures.ts'
import { habitsOf } from '../mixed/habits.ts'
import { Traffic } from '../mixed/traffic.ts'
import { type SoakCluster, startSoakCluster } from '../start-soak-cluster.ts'

const CYCLES_AT_LEAST = 6
const CYCLE_MS = 60_000
/** Idle connections to an app are closed after 15 s; then nothing should be open. */
const QUIET_MS = 20_000
/** Between two failures, so that what each does can be told apart. */
const CALM_MS = 4_000
const RECOVERY_MS = 10_000
/** Good answers in a row that count as recovered: both hubs are asked. */
const GOOD_IN_A_ROW = 4

export const mixed = {
  name: 'mixed',
  summary:
    'fault 27: traffic of every kind through two hubs and their agents while one part after the other fails',
  async run({ options, dir, signal, teardown }: SoakRun): Promise<Outcome> {
    const cluster = await startSoakCluster({ teardown }, dir)
    const { habits, closeIdle } = await habitsOf(cluster)
    const failures = failuresOf(cluster)
    const probe = await cluster.signIn('probe')
    const recoveries = new Map<string, number[]>(failures.map(({ name }) => [name, []]))
    const traffic = new Traffic(options.progress)
    traffic.begin(habits)

    const endMs = performance.now() + options.minutes * 60_000
    const cycleMs = Math.min(CYCLE_MS, (options.minutes * 60_000) / CYCLES_AT_LEAST)
    let turn = 0
    while (performance.now() < endMs && !signal.aborted) {
      const cycleEndMs = performance.now() + cycleMs
      while (performance.now() < cycleEndMs && !signal.aborted) {
        const failure = failures[turn++ % failures.length]
        if (!failure) break
        await new Promise((resolve) => setTimeout(resolve, CALM_MS))
        traffic.broken()
        await failure.run()
        const ms = await recovery(cluster, probe)
        traffic.mended()
        recoveries.get(failure.name)?.push(ms)
        options.progress(`  ${failure.name}: served again after ${Math.round(ms)} ms`)
      }
      await traffic.pause()
      closeIdle()
      await quiet(cluster)
      for (const watch of cluster.watches) await watch.sample()
      traffic.resume()
    }
    await traffic.end()
    closeIdle()
    return {
      growths: cluster.watches.flatMap((watch) => watch.growths()),
      figures: [...countFigures(traffic), ...recoveryFigures(recoveries)],
    }
  },
}

/** How long until requests are answered again, after a part is mended. */
async function recovery({ liveUrl }: SoakCluster, visitor: Visitor): Promise<number> {
  const mendedMs = performance.now()
  let good = 0
  while (good < GOOD_IN_A_ROW && performance.now() < mendedMs + 3 * RECOVERY_MS) {
    const status = await visitor.fetch(`${liveUrl}/download?bytes=1`, { timeoutMs: RECOVERY_MS }).then(
      (answer) => answer.status,
      () => 0,
    )
    good = status === 200 ? good + 1 : 0
    if (status !== 200) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return performance.now() - mendedMs
}

/** Resolves when the hub has no stream any more, or after a while. */
async function quiet({ a }: SoakCluster): Promise<void> {
  const until = performance.now() + QUIET_MS
  while (performance.now() < until) {
    const agents = await a.api<{ streams: number }[]>('GET', '/agents')
    if (agents.every(({ streams }) => streams === 0)) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function countFigures(traffic: Traffic): SoakFigure[] {
  const counts = [...traffic.counts]
  const total = (kind: 'unexplained' | 'wrong') => counts.reduce((sum, [, count]) => sum + count[kind], 0)
  const none = { unit: '', limit: { kind: 'most', value: 0 } } as const
  return [
    ...counts.flatMap(([name, { ok, refused }]) => [
      { what: `${name}: done`, value: ok, unit: '', limit: { kind: 'least', value: 1 } as const },
      { what: `${name}: refused or cut by a failure`, value: refused, unit: '', limit: null },
    ]),
    { what: 'refused or cut with nothing broken, all', value: total('unexplained'), ...none },
    { what: 'wrong answers and bytes, all', value: total('wrong'), ...none },
  ]
}

function recoveryFigures(recoveries: ReadonlyMap<string, readonly number[]>): SoakFigure[] {
  return [...recoveries]
    .filter(([, times]) => times.length > 0)
    .map(([name, times]) => ({
      what: `${name}: served again after, at most, of ${times.length}`,
      value: Math.max(...times),
      unit: 'ms',
      limit: { kind: 'most', value: RECOVERY_MS } as const,
    }))
}
