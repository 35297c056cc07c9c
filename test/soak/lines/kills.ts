import { isConnected } from '../../e2e/start-agent.ts'
import { type Asked, steadyRequests } from '../../e2e/steady-requests.ts'
import { until } from '../../until.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import { startSoakCluster } from '../start-soak-cluster.ts'

const ROUNDS = 10
const RATE = 50
/** Longer than a link lives without a heartbeat. */
const SLEEP_MS = 12_000

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export const kills = {
  name: 'kills',
  summary: `faults 1, 17 and 41: one of two hubs is killed and an agent put to sleep, ${ROUNDS} times, under load at the other hub`,
  async run({ dir, teardown, options, signal }: SoakRun): Promise<Outcome> {
    const cluster = await startSoakCluster({ teardown }, dir)
    const { a, b, nodes, watches } = cluster
    cluster.balanceTo(a)
    const visitor = await cluster.signIn('alice')
    const everywhere = async () => {
      for (const { api } of [a, b])
        for (const node of [1, 2, 3, 4]) if (!(await isConnected(api, `node-${node}`))) return false
      return true
    }
    const timed = async (condition: () => Promise<boolean>, what: string): Promise<number> => {
      const at = performance.now()
      await until(condition, what)
      return performance.now() - at
    }
    const backMs: number[] = []
    const outMs: number[] = []
    const wakeMs: number[] = []
    const asked: Asked[] = []
    for (let round = 0; round < ROUNDS && !signal.aborted; round++) {
      await until(everywhere, 'each agent has a link to each hub')
      const steady = steadyRequests(visitor, `${cluster.liveUrl}/download?bytes=100`, RATE)
      await pause(1_000)
      b.program.signal('SIGKILL')
      await b.program.exited
      await b.restart()
      backMs.push(await timed(everywhere, 'all agents are back'))
      // As a machine that sleeps: it neither runs nor closes its connections.
      const sleeper = nodes[1].program
      sleeper.signal('SIGSTOP')
      const slept = performance.now()
      outMs.push(await timed(async () => !(await isConnected(a.api, 'node-2')), 'the hub has noticed'))
      await pause(Math.max(0, slept + SLEEP_MS - performance.now()))
      sleeper.signal('SIGCONT')
      wakeMs.push(await timed(() => isConnected(a.api, 'node-2'), 'it is back'))
      asked.push(...(await steady.stop()))
      await pause(16_000)
      for (const watch of watches) await watch.sample()
      options.progress(
        `  ${round + 1} of ${ROUNDS}: ${[backMs, outMs, wakeMs].map((list) => Math.round(list.at(-1) ?? 0))} ms`,
      )
    }
    const most = (what: string, values: readonly number[], limit: number): SoakFigure => ({
      what,
      value: Math.max(...values),
      unit: 'ms',
      limit: { kind: 'most', value: limit } as const,
    })
    return {
      growths: watches.flatMap((watch) => watch.growths()),
      figures: [
        most('agents are back after the hub that was killed is ready, at most', backMs, 3_000),
        most('an agent that sleeps is out of rotation after, at most', outMs, 10_000),
        most('it is back after it wakes, at most', wakeMs, 3_000),
        most(
          'slowest request at the other hub',
          asked.map(({ tookMs }) => tookMs),
          15_000,
        ),
        {
          what: `failed requests at the other hub, of ${asked.length}`,
          unit: '',
          ...{
            value: asked.filter(({ status }) => status !== 200).length,
            limit: { kind: 'most', value: 0 },
          },
        },
      ],
    }
  },
}
