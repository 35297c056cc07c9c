import { randomBytes } from 'node:crypto'
import { Children, nextMessage } from '../../bench/children.ts'
import { cpuMicroseconds, residentKb } from '../../bench/processes.ts'
import { startSite } from '../../e2e/start-two-hubs.ts'
import { until } from '../../until.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import type { ManyHubsJob } from '../programs/many-hubs.ts'
import { unlimited } from '../start-one-hub.ts'

const HUBS = 16
const AGENTS = 5_000
/** What was allocated for the handshakes is given back in this time. */
const SETTLE_MS = 30_000
const IDLE_MS = 30_000

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export const manyHubs = {
  name: 'many-hubs',
  summary: `what one of ${HUBS} hubs or processes costs while ${AGENTS.toLocaleString('en-US')} agents are idle: its share of the links is real, the other hubs report theirs`,
  async run({ teardown, options }: SoakRun): Promise<Outcome> {
    const encryptionKey = randomBytes(32).toString('base64')
    const env = { ...unlimited, MEZITE_ENCRYPTION_KEY: encryptionKey }
    const site = await startSite({ teardown }, { env: () => env })
    const hub = await site.startHub('hub')
    const { pid } = hub.program
    await pause(SETTLE_MS / 3)
    const alone = residentKb(pid)
    const children = new Children()
    teardown(() => children.stop())
    const { child } = await children.program(new URL('../programs/many-hubs.ts', import.meta.url))
    child.send({
      url: site.databaseUrl,
      clusterName: 'pair',
      encryptionKey,
      port: hub.port,
      hubs: HUBS,
      agents: AGENTS,
    } satisfies ManyHubsJob)
    const { links } = (await nextMessage(child)) as { links: number }
    options.progress(`  ${links} links`)
    const connected = async (): Promise<number> => {
      const agents = await hub.api<{ connected: boolean }[]>('GET', '/agents')
      return agents.filter((agent) => agent.connected).length
    }
    await until(async () => (await connected()) === AGENTS, 'the hub knows of all agents', 120_000)
    await pause(SETTLE_MS)
    const [before, from] = [cpuMicroseconds(pid), performance.now()]
    await pause(IDLE_MS)
    const cpu = (cpuMicroseconds(pid) - before) / (performance.now() - from) / 10
    const resident = residentKb(pid)
    const figure = (what: string, value: number, unit: string, limit: SoakFigure['limit'] = null) =>
      ({ what, value, unit, limit }) satisfies SoakFigure
    return {
      growths: [],
      figures: [
        figure('links to this hub', links, ''),
        figure('agents that it reaches', await connected(), '', { kind: 'least', value: AGENTS }),
        figure('resident memory', resident / 1_024, 'MB', { kind: 'most', value: 500 }),
        figure('of it for links and reports', (resident - alone) / 1_024, 'MB'),
        figure('processor while all are idle, of one core', cpu, '%', { kind: 'most', value: 5 }),
      ],
    }
  },
}
