import { register } from '../../e2e/resources.ts'
import { type Asked, steadyRequests } from '../../e2e/steady-requests.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import { startSoakCluster } from '../start-soak-cluster.ts'

const FLAP_MS = 2_000
/** How long; half of the minutes of the mixed traffic, so that five are the default. */
const SHARE = 0.5
const SAMPLES = 10

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export const flaps = {
  name: 'flaps',
  summary: 'fault 20: the tunnels of two agents are reset in turn, each every 2 s, for half of --minutes',
  async run({ dir, teardown, options, signal }: SoakRun): Promise<Outcome> {
    const cluster = await startSoakCluster({ teardown }, dir)
    cluster.balanceTo(cluster.a)
    await register(cluster.a.api, 'lonely', cluster.livePort, { agents: ['node-1'] })
    const visitor = await cluster.signIn('alice')
    const lonelyUrl = cluster.appUrl('lonely')
    await visitor.open(`${lonelyUrl}/`)
    const path = '/download?bytes=100'
    const watches = cluster.watches
    const lengthMs = options.minutes * 60_000 * SHARE
    const two: Asked[] = []
    const one: Asked[] = []
    for (let sample = 0; sample < SAMPLES && !signal.aborted; sample++) {
      const both = steadyRequests(visitor, cluster.liveUrl + path, 20)
      const alone = steadyRequests(visitor, lonelyUrl + path, 20)
      const untilMs = performance.now() + lengthMs / SAMPLES
      while (performance.now() < untilMs && !signal.aborted) {
        for (const network of cluster.networks.slice(0, 2)) {
          network.cut()
          await pause(FLAP_MS / 2)
        }
      }
      two.push(...(await both.stop()))
      one.push(...(await alone.stop()))
      await cluster.agentsOf(cluster.a)
      for (const watch of watches) await watch.sample()
      options.progress(`  ${sample + 1} of ${SAMPLES}`)
    }
    const share = (asked: readonly Asked[]) =>
      (asked.filter(({ status }) => status === 200).length / asked.length) * 100
    const figure = (what: string, value: number, least: number): SoakFigure => ({
      what,
      value,
      unit: '%',
      limit: { kind: 'least', value: least } as const,
    })
    const unserved = two.filter(({ status }) => status !== 200)
    for (const text of new Set(unserved.map(({ status, text }) => `${status} ${text}`)))
      options.progress(text)
    return {
      growths: watches.flatMap((watch) => watch.growths()),
      figures: [
        figure(`requests answered with one agent, of ${one.length}`, share(one), 50),
        figure(`requests answered with two agents, of ${two.length}`, share(two), 100),
      ],
    }
  },
}
