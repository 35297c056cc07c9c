import { Children, nextMessage } from '../../bench/children.ts'
import { cpuMicroseconds } from '../../bench/processes.ts'
import { joinToken } from '../../e2e/start-agent.ts'
import { type RunningHub, startSite } from '../../e2e/start-two-hubs.ts'
import { until } from '../../until.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import type { ManyAgentsJob } from '../programs/many-agents.ts'
import { unlimited } from '../start-one-hub.ts'

const AGENTS = 1_000
const LIMIT_MS = 30_000
const RESTARTS = 3

export const reconnects = {
  name: 'reconnects',
  summary: `fault 21: ${AGENTS} agents come back at once after the hub was killed, ${RESTARTS} times, and link to a second hub whenever it starts`,
  async run({ dir, teardown, options, signal }: SoakRun): Promise<Outcome> {
    const site = await startSite({ teardown }, { env: () => unlimited })
    const hub = await site.startHub('hub')
    const children = new Children()
    teardown(() => children.stop())
    const joins: { hostname: string; token: string }[] = []
    let pin = ''
    for (let at = 0; at < AGENTS; at++) {
      const hostname = `node-${at}`
      const { token, ca_pin } = await joinToken(hub.api, hostname)
      joins.push({ hostname, token })
      pin = ca_pin
    }
    options.progress(`  ${AGENTS} agents join`)
    const { child } = await children.program(new URL('../programs/many-agents.ts', import.meta.url))
    const job: ManyAgentsJob = { proxy: `hub.mezite.localhost:${hub.port}`, pin, dir, joins }
    child.send(job)
    await nextMessage(child)

    const connected = async ({ api }: RunningHub) => {
      const agents = await api<{ connected: boolean }[]>('GET', '/agents')
      return agents.filter((agent) => agent.connected).length
    }
    /** Until all agents have a link to the hub, in milliseconds. */
    const gathered = async (hub: RunningHub): Promise<number> => {
      const readyMs = performance.now()
      await until(async () => (await connected(hub)) === AGENTS, 'all agents have a link', 4 * LIMIT_MS)
      const ms = performance.now() - readyMs
      options.progress(`  all at ${hub.name} ${Math.round(ms)} ms after it was ready`)
      return ms
    }
    const times: number[] = []
    const cpuMs: number[] = []
    for (let turn = 0; turn < RESTARTS && !signal.aborted; turn++) {
      hub.program.signal('SIGKILL')
      await hub.program.exited
      await hub.restart()
      times.push(await gathered(hub))
      cpuMs.push(cpuMicroseconds(hub.program.pid) / 1_000)
    }
    const second = await site.startHub('second-hub')
    const joined = [await gathered(second)]
    let kept = AGENTS
    for (let turn = 0; turn < RESTARTS && !signal.aborted; turn++) {
      second.program.signal('SIGKILL')
      await second.program.exited
      kept = Math.min(kept, await connected(hub))
      await second.restart()
      joined.push(await gathered(second))
    }
    const most = (what: string, values: readonly number[], limit: number | null): SoakFigure => ({
      what,
      value: Math.max(...values),
      unit: 'ms',
      limit: limit === null ? null : { kind: 'most', value: limit },
    })
    return {
      growths: [],
      figures: [
        most(`${AGENTS} agents are back after, at most`, times, LIMIT_MS),
        most('processor time of the hub until then, at most', cpuMs, null),
        most(`${AGENTS} agents have a link to a second hub that starts after, at most`, joined, LIMIT_MS),
        {
          what: 'links to the other hub meanwhile, at least',
          value: kept,
          unit: '',
          limit: { kind: 'least', value: AGENTS },
        },
      ],
    }
  },
}
