import { Children, nextMessage } from '../../bench/children.ts'
import { cpuMicroseconds } from '../../bench/processes.ts'
import { joinToken } from '../../e2e/start-agent.ts'
import { startSite } from '../../e2e/start-two-hubs.ts'
import { until } from '../../until.ts'
import type { Outcome, SoakRun } from '../line.ts'
import type { ManyAgentsJob } from '../programs/many-agents.ts'

const AGENTS = 1_000
const LIMIT_MS = 30_000
const RESTARTS = 5
/** All come from one address here. */
const ENOUGH = '100000'

export const reconnects = {
  name: 'reconnects',
  summary: `fault 21: ${AGENTS} agents come back at once after the hub was killed, ${RESTARTS} times`,
  async run({ dir, teardown, options, signal }: SoakRun): Promise<Outcome> {
    const limits = {
      MEZITE_PROXY_LIMITS_CONNECTIONS_PER_ADDRESS: ENOUGH,
      MEZITE_PROXY_LIMITS_CONNECTIONS_PER_ADDRESS_PER_MINUTE: ENOUGH,
      MEZITE_PROXY_LIMITS_HANDSHAKES_PER_ADDRESS: ENOUGH,
      MEZITE_PROXY_LIMITS_CALLS_PER_MINUTE_TOKENS: ENOUGH,
    }
    const site = await startSite({ teardown }, { env: () => limits })
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

    const connected = async () => {
      const agents = await hub.api<{ connected: boolean }[]>('GET', '/agents')
      return agents.filter((agent) => agent.connected).length
    }
    const times: number[] = []
    const cpuMs: number[] = []
    for (let turn = 0; turn < RESTARTS && !signal.aborted; turn++) {
      hub.program.signal('SIGKILL')
      await hub.program.exited
      await hub.restart()
      const readyMs = performance.now()
      await until(async () => (await connected()) === AGENTS, 'all agents are back', 4 * LIMIT_MS)
      times.push(performance.now() - readyMs)
      cpuMs.push(cpuMicroseconds(hub.program.pid) / 1_000)
      options.progress(`  all back ${Math.round(times.at(-1) ?? 0)} ms after the hub`)
    }
    return {
      growths: [],
      figures: [
        {
          ...{ what: `${AGENTS} agents are back after, at most`, value: Math.max(...times), unit: 'ms' },
          limit: { kind: 'most', value: LIMIT_MS },
        },
        {
          ...{ what: 'processor time of the hub until then, at most', value: Math.max(...cpuMs), unit: 'ms' },
          limit: null,
        },
      ],
    }
  },
}
