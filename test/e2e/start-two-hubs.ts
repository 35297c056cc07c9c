import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { type AdminClient, adminClient, freePort, startPostgres, Visitor } from '../../core/testing/index.ts'
import { type Program, startProgram } from '../../examples/cluster/program.ts'
import { until } from './start-agent.ts'

// The programs run as they do for people: without the loader of the test runner.
delete process.env.NODE_OPTIONS

const MEZHUB = fileURLToPath(new URL('../../core/mezhub.js', import.meta.url))

export interface RunningHub {
  readonly name: string
  readonly port: number
  readonly api: AdminClient
  readonly program: Program
}

export interface TwoHubs {
  readonly a: RunningHub
  readonly b: RunningHub
  readonly dir: string
  readonly databaseUrl: string
  readonly hubUrl: string
  appUrl(name: string): string
  /** Which hub new connections to the public address reach, as a load balancer decides. */
  balanceTo(hub: RunningHub): void
  visitor(): Visitor
}

/** Two hubs, programs of their own, on one PostgreSQL server, behind one address; all gone with the test. */
export async function startTwoHubs(t: { teardown(fn: () => unknown): void }): Promise<TwoHubs> {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-two-hubs-'))
  const closers: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]
  t.teardown(async () => {
    for (const close of closers.reverse()) await close()
  })
  const postgres = await startPostgres()
  closers.push(() => postgres.close())
  const url = await postgres.createDatabase()

  let target = 0
  const balancer = createServer((socket) => {
    const upstream = connect(target, '127.0.0.1')
    socket.pipe(upstream).pipe(socket)
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => balancer.listen(0, '127.0.0.1', resolve))
  closers.push(() => balancer.close())
  const publicPort = (balancer.address() as AddressInfo).port

  const env = { MEZITE_ENCRYPTION_KEY: randomBytes(32).toString('base64') }
  const start = async (name: string): Promise<RunningHub & { ca: string }> => {
    const dataDir = join(dir, name)
    mkdirSync(dataDir, { mode: 0o700 })
    const [port, diagnosticsPort] = await Promise.all([freePort(), freePort()])
    const file = join(dir, `${name}.yaml`)
    const config = {
      cluster_name: 'pair',
      data_dir: dataDir,
      shutdown_grace: '1s',
      database: { driver: 'postgres', url },
      proxy: {
        listen_addr: `127.0.0.1:${port}`,
        public_addr: `hub.mezite.localhost:${publicPort}`,
        apps_domain: 'apps.mezite.localhost',
      },
      diagnostics: { listen_addr: `127.0.0.1:${diagnosticsPort}` },
    }
    writeFileSync(file, stringify(config), { mode: 0o600 })
    const program = await startProgram({
      name,
      file: MEZHUB,
      args: ['start', '--config', file],
      env,
      logFile: join(dir, `${name}.log`),
      ready: () => until(() => answers(`http://127.0.0.1:${diagnosticsPort}/readyz`), `${name} is ready`),
    })
    closers.push(() => program.stop())
    const ca = readFileSync(join(dataDir, 'development-ca.pem'), 'utf8')
    return { name, port, program, ca, api: adminClient(join(dataDir, 'admin.sock')) }
  }
  // At once, as an orchestrator does: the migrations of a fresh database must bear it.
  const [a, b] = await Promise.all([start('hub-a'), start('hub-b')])
  target = a.port
  return {
    a,
    b,
    dir,
    databaseUrl: url,
    hubUrl: `https://hub.mezite.localhost:${publicPort}`,
    appUrl: (name) => `https://${name}.apps.mezite.localhost:${publicPort}`,
    balanceTo: (hub) => {
      target = hub.port
    },
    visitor: () => new Visitor(a.ca + b.ca),
  }
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
