import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startProgram } from '../../../examples/cluster/program.ts'
import { median } from '../../bench/statistics.ts'
import { register } from '../../e2e/resources.ts'
import { isConnected, startAgent } from '../../e2e/start-agent.ts'
import { type Asked, steadyRequests } from '../../e2e/steady-requests.ts'
import { until } from '../../until.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import { namespacesUnavailable, openNamespace } from '../network-namespace.ts'
import { startOneHub } from '../start-one-hub.ts'

const APP = fileURLToPath(new URL('../../../examples/cluster/apps/live-app.ts', import.meta.url))
const ROUNDS = 8
const RATE = 50

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export const networks = {
  name: 'networks',
  summary: `faults 17, 18 and 20: an agent in a network namespace whose packets are dropped, then reset, ${ROUNDS} times`,
  async run(run: SoakRun): Promise<Outcome> {
    const { options, teardown, dir, signal } = run
    const unavailable = namespacesUnavailable()
    if (unavailable !== null) {
      options.progress(`  skipped: ${unavailable}`)
      return { growths: [], figures: [] }
    }
    const one = await startOneHub(run, {}, { listenHost: '0.0.0.0' })
    const { api, port } = one.hub
    const inNamespace = async (hostname: string, id: number) => {
      const network = openNamespace(id)
      teardown(() => network.close())
      const { inside, host } = network
      // Its own, at the same port: the loopback of this machine is not in there.
      const [file, ...args] = inside(process.execPath, '--conditions=mezite-source', APP)
      const env = { PORT: String(one.livePort) }
      const app = await startProgram({
        name: `app ${id}`,
        file,
        args,
        env,
        logFile: join(dir, `app-${id}.log`),
      })
      teardown(() => app.stop())
      const agent = await startAgent({
        hostname,
        proxy: `${host}:${port}`,
        api,
        dir,
        env: one.probes,
        inside,
      })
      teardown(() => agent.stop())
      return { network, agent }
    }
    const { network, agent } = await inNamespace('east', 1)
    await inNamespace('west', 2)
    await register(api, 'pair', one.livePort, { agents: ['east', 'west'] })
    const visitor = await one.signIn('alice')
    const url = one.site.appUrl('pair')
    await visitor.open(`${url}/`)
    const watches = [one.hubWatch, one.watch('agent', agent)]
    const droppedMs: number[] = []
    const resetMs: number[] = []
    const backMs: number[] = []
    const asked: Asked[] = []
    const timed = async (connected: boolean): Promise<number> => {
      const at = performance.now()
      await until(
        async () => (await isConnected(api, 'east')) === connected,
        `east is ${connected ? 'back' : 'out'}`,
      )
      return performance.now() - at
    }
    for (let round = 0; round < ROUNDS && !signal.aborted; round++) {
      const steady = steadyRequests(visitor, `${url}/download?bytes=100`, RATE)
      await pause(1_000)
      network.set('drops')
      droppedMs.push(await timed(false))
      network.set('open')
      backMs.push(await timed(true))
      await pause(2_000)
      network.set('resets')
      resetMs.push(await timed(false))
      await pause(500)
      network.set('open')
      await timed(true)
      asked.push(...(await steady.stop()))
      await pause(16_000)
      for (const watch of watches) await watch.sample()
      options.progress(
        `  ${round + 1} of ${ROUNDS}: out after ${droppedMs.at(-1)} ms and ${resetMs.at(-1)} ms`,
      )
    }
    const most = (what: string, value: number, limit: number): SoakFigure => ({
      what,
      value,
      unit: 'ms',
      limit: { kind: 'most', value: limit } as const,
    })
    return {
      growths: watches.flatMap((watch) => watch.growths()),
      figures: [
        most(
          'an agent whose packets are dropped is out of rotation after, at most',
          Math.max(...droppedMs),
          10_000,
        ),
        most('an agent whose connection is reset is out of rotation after, median', median(resetMs), 200),
        most('it is back after its network works again, at most', Math.max(...backMs), 10_000),
        most('slowest request meanwhile', Math.max(...asked.map(({ tookMs }) => tookMs)), 15_000),
        {
          what: `failed requests of ${asked.length}`,
          unit: '',
          limit: { kind: 'most', value: 0 },
          value: asked.filter(({ status }) => status !== 200).length,
        },
      ],
    }
  },
}
