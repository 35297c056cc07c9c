import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FakeIssuer, freePort, type TestPostgres, type Visitor } from '../../core/testing/index.ts'
import { type Program, startProgram } from '../../examples/cluster/program.ts'
import { Children } from '../bench/children.ts'
import { line } from '../bench/targets/msh-path.ts'
import { connect, register } from '../e2e/resources.ts'
import { type AgentOptions, isConnected, restartAgent, startAgent } from '../e2e/start-agent.ts'
import { type Balancer, startBalancer } from '../e2e/start-balancer.ts'
import { type RunningHub, type SiteOptions, startTwoHubs, type TwoHubs } from '../e2e/start-two-hubs.ts'
import { until } from '../until.ts'
import { probeEnv, Watch } from './watch.ts'

/** A program that fails and comes back. */
export interface Part {
  readonly program: Program
  restart(): Promise<void>
}

/** Two hubs on PostgreSQL, two agents at each, an HTTP app and a TCP app: all programs of their own. */
export interface SoakCluster extends TwoHubs {
  /** The first two are at hub A, the others at hub B. */
  readonly nodes: readonly [Part, Part, Part, Part]
  readonly live: Part
  readonly livePort: number
  readonly liveUrl: string
  readonly postgres: TestPostgres
  /** Between each agent and its hub, in the order of `nodes`. */
  readonly networks: readonly Balancer[]
  /** Resolves when both agents of the hub have their tunnels. */
  agentsOf(hub: RunningHub): Promise<void>
  /** Hub A and the first agent, which run from the beginning to the end. */
  readonly watches: readonly Watch[]
  readonly children: Children
  /** Somebody new who has signed in at the app `live`. */
  signIn(name: string): Promise<Visitor>
  /** Signs msh in and opens `echo` on a port of 127.0.0.1. */
  openEcho(): Promise<number>
}

const MSH = fileURLToPath(new URL('../../oclif-cli/msh/msh.js', import.meta.url))
const APPS = fileURLToPath(new URL('../../examples/cluster/apps/', import.meta.url))

export async function startSoakCluster(
  t: { teardown(fn: () => unknown): void },
  dir: string,
  options: Pick<SiteOptions, 'config'> = {},
): Promise<SoakCluster> {
  const probes = join(dir, 'probes')
  mkdirSync(probes)
  const env = probeEnv(probes)
  const children = new Children()
  t.teardown(() => children.stop())
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const hubs = await startTwoHubs(t, { ...options, emptyDatabase: true, env: () => env })
  const { a, b } = hubs
  hubs.balanceTo(a, b)
  const networks = await Promise.all(
    [a, a, b, b].map(async ({ port }) => {
      const network = await startBalancer()
      t.teardown(() => network.close())
      network.to(port)
      return network
    }),
  )

  const [livePort, echoPort] = await Promise.all([freePort(), freePort()])
  const [live] = await Promise.all([
    startPart(t, () => startApp('live', livePort)),
    startPart(t, () => startApp('redis', echoPort)),
  ])
  const agents = ['node-1', 'node-2', 'node-3', 'node-4']
  const node = (at: 0 | 1 | 2 | 3): Promise<Part> => {
    const proxy = `hub.mezite.localhost:${networks[at]?.port}`
    const agent: AgentOptions = {
      hostname: `node-${at + 1}`,
      proxy,
      api: at < 2 ? a.api : b.api,
      dir,
      env,
    }
    return startPart(
      t,
      () => startAgent(agent),
      () => restartAgent(agent),
    )
  }
  const nodes = await Promise.all([node(0), node(1), node(2), node(3)])
  await connect(a.api, issuer)
  await register(a.api, 'live', livePort, { agents })
  await register(a.api, 'echo', echoPort, { uri: `tcp://127.0.0.1:${echoPort}`, protocol: 'tcp', agents })

  const agentsOf = async (hub: RunningHub) => {
    const names = hub.name === a.name ? agents.slice(0, 2) : agents.slice(2)
    for (const name of names) await until(() => isConnected(hub.api, name), `${name} is at ${hub.name}`)
  }

  function startApp(name: string, port: number): Promise<Program> {
    const logFile = join(dir, `${name}.log`)
    return startProgram({ name, file: join(APPS, `${name}-app.ts`), env: { PORT: String(port) }, logFile })
  }

  const liveUrl = hubs.appUrl('live')
  // The provider signs in whoever it was told last.
  let turn: Promise<unknown> = Promise.resolve()
  const signIn = (name: string): Promise<Visitor> => {
    const mine = turn.then(async () => {
      const email = `${name}@example.com`
      issuer.person = { sub: name, email, email_verified: true, groups: ['platform-team'] }
      const visitor = hubs.visitor()
      const page = await visitor.open(`${liveUrl}/`)
      if (page.status !== 200) throw new Error(`signing in ends with ${page.status} at ${page.url}`)
      return visitor
    })
    turn = mine.catch(() => {})
    return mine
  }

  const openEcho = async (): Promise<number> => {
    const caFile = join(dir, 'ca.pem')
    const visitor = await signIn('tcp')
    writeFileSync(caFile, visitor.ca ?? '')
    const start = (...args: readonly string[]) =>
      children.spawn(process.execPath, ['--conditions=mezite-source', MSH, ...args], {
        env: { ...process.env, MSH_HOME: join(dir, 'msh'), MEZITE_BROWSER: '/bin/true' },
      })
    const login = start('login', '--proxy', new URL(hubs.hubUrl).host, '--ca-file', caFile)
    const ended = new Promise<number | null>((resolve) => login.on('close', resolve))
    const [address = ''] = await line(login, 'stderr', /https:\/\/\S+\/web\/cli\S*/)
    await visitor.submit(await visitor.open(address), /\/web\/cli/)
    if ((await ended) !== 0) throw new Error('msh login failed')
    const open = start('app', 'login', 'echo')
    const [, port] = await line(open, 'stdout', /127\.0\.0\.1:(\d+) -> echo$/)
    return Number(port)
  }

  const streams = async (hostname: string | null) => {
    const found = await a.api<{ hostname: string; streams: number }[]>('GET', '/agents')
    return found
      .filter((agent) => hostname === null || agent.hostname === hostname)
      .reduce((sum, agent) => sum + agent.streams, 0)
  }
  const watches = [
    new Watch({ name: 'hub', pid: a.program.pid, dir: probes, streams: () => streams(null) }),
    new Watch({
      name: 'agent',
      pid: nodes[0].program.pid,
      dir: probes,
      streams: () => streams('node-1'),
    }),
  ]
  const postgres = hubs.postgres!
  return {
    ...hubs,
    postgres,
    nodes,
    live,
    livePort,
    liveUrl,
    networks,
    agentsOf,
    watches,
    children,
    signIn,
    openEcho,
  }
}

async function startPart(
  t: { teardown(fn: () => unknown): void },
  start: () => Promise<Program>,
  again = start,
): Promise<Part> {
  let program = await start()
  t.teardown(() => program.stop())
  return {
    get program() {
      return program
    },
    async restart() {
      program = await again()
    },
  }
}
