import { mkdirSync, readdirSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { FakeIssuer, freePort, type Visitor } from '../../core/testing/index.ts'
import { type Program, startProgram } from '../../examples/cluster/program.ts'
import { connect, register } from '../e2e/resources.ts'
import { startAgent } from '../e2e/start-agent.ts'
import { type RunningHub, type Site, startSite } from '../e2e/start-two-hubs.ts'
import type { SoakRun } from './line.ts'
import type { Held } from './probe.ts'
import { probeEnv, Watch } from './watch.ts'

/** One hub on PostgreSQL, one agent and one app, for what is done to a hub from outside. */
export interface OneHub {
  readonly site: Site
  readonly hub: RunningHub
  readonly agent: Program
  /** Of the hub itself; nothing is between it and who connects here. */
  readonly publicPort: number
  readonly diagnosticsPort: number
  readonly hubWatch: Watch
  readonly agentWatch: Watch
  /** Environment of a program that `watch` follows. */
  readonly probes: Readonly<Record<string, string>>
  watch(name: string, program: Program): Watch
  /** Somebody new who has signed in at the app `live`. */
  signIn(name: string): Promise<Visitor>
  /** The head of a request to the app `live`, without its last empty line. */
  head(visitor: Visitor | null, line: string): string
  /** Names in a ClientHello for this app. */
  readonly appHost: string
  readonly liveUrl: string
  /** The app itself. */
  readonly live: Program
  readonly livePort: number
  /** MB that a program cannot do without: heap and buffers after a collection. */
  heldMb(program: Program): Promise<number>
  /** MB of the heap after the last collection that the program made by itself, which does not stop it. */
  heapMb(program: Program): Promise<number>
  /** Descriptors that the hub holds. */
  descriptors(): number
}

const APP = fileURLToPath(new URL('../../examples/cluster/apps/live-app.ts', import.meta.url))

const ENOUGH = '100000'
/** Environment of a hub that takes any number of connections from one address. */
export const unlimited = {
  MEZITE_PROXY_LIMITS_CONNECTIONS_PER_ADDRESS: ENOUGH,
  MEZITE_PROXY_LIMITS_CONNECTIONS_PER_ADDRESS_PER_MINUTE: ENOUGH,
  MEZITE_PROXY_LIMITS_HANDSHAKES_PER_ADDRESS: ENOUGH,
  MEZITE_PROXY_LIMITS_CALLS_PER_MINUTE_TOKENS: ENOUGH,
  MEZITE_PROXY_LIMITS_CALLS_PER_MINUTE_SIGN_IN: ENOUGH,
  MEZITE_PROXY_LIMITS_CALLS_PER_MINUTE_PAGES: ENOUGH,
  MEZITE_PROXY_LIMITS_CALLS_PER_MINUTE_KEYS: ENOUGH,
  MEZITE_PROXY_LIMITS_CALLS_PER_MINUTE_OTHER: ENOUGH,
}

/** `plugins`: slices that differ from the defaults; `more`: environment of the hub, and the address that it listens on. */
export async function startOneHub(
  run: SoakRun,
  plugins: object = {},
  { env: more = {}, listenHost }: { env?: Readonly<Record<string, string>>; listenHost?: string } = {},
): Promise<OneHub> {
  const { dir, teardown } = run
  const probes = join(dir, 'probes')
  mkdirSync(probes)
  const env = probeEnv(probes)
  const issuer = await FakeIssuer.start()
  teardown(() => issuer.close())
  const livePort = await freePort()
  const site = await startSite(
    { teardown },
    {
      config: { plugins },
      env: () => ({ ...env, ...more }),
      ...(listenHost === undefined ? {} : { listenHost }),
    },
  )
  const hub = await site.startHub('hub-a')
  site.balanceTo(hub)
  const live = await startProgram({
    name: 'live',
    file: APP,
    env: { PORT: String(livePort) },
    logFile: join(dir, 'live.log'),
  })
  teardown(() => live.stop())
  const agent = await startAgent({
    hostname: 'node-1',
    proxy: `hub.mezite.localhost:${hub.port}`,
    api: hub.api,
    dir,
    env,
  })
  teardown(() => agent.stop())
  await connect(hub.api, issuer)
  await register(hub.api, 'live', livePort, { agents: ['node-1'] })
  const liveUrl = site.appUrl('live')
  const { host, hostname } = new URL(liveUrl)

  const watch = (name: string, { pid }: Program) =>
    new Watch({ name, pid, dir: probes, streams: async () => 0 })
  return {
    site,
    hub,
    agent,
    publicPort: hub.port,
    diagnosticsPort: hub.diagnosticsPort,
    hubWatch: watch('hub', hub.program),
    agentWatch: watch('agent', agent),
    probes: env,
    watch,
    liveUrl,
    live,
    livePort,
    appHost: hostname,
    async signIn(name) {
      issuer.person = {
        sub: name,
        email: `${name}@example.com`,
        email_verified: true,
        groups: ['platform-team'],
      }
      const visitor = site.visitor()
      const page = await visitor.open(`${liveUrl}/`)
      if (page.status !== 200) throw new Error(`signing in ends with ${page.status} at ${page.url}`)
      return visitor
    },
    head(visitor, line) {
      const cookie = visitor?.cookies(host)
      return `${line} HTTP/1.1\r\nHost: ${host}\r\n${cookie === undefined ? '' : `Cookie: ${cookie}\r\n`}`
    },
    async heldMb({ pid }) {
      const { heap, buffers } = JSON.parse(await text(connectTcp(join(probes, `${pid}.sock`)))) as Held
      return (heap + buffers) / (1 << 20)
    },
    heapMb: async ({ pid }) => Number(await text(connectTcp(join(probes, `${pid}.heap`)))) / (1 << 20),
    descriptors: () => readdirSync(`/proc/${hub.program.pid}/fd`).length,
  }
}
