// needs: PostgreSQL
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import {
  type AdminClient,
  adminClient,
  freePort,
  startPostgres,
  type TestPostgres,
  Visitor,
} from '../../core/testing/index.ts'
import { createPostgresDatabase } from '../../core/testing/test-database.ts'
import { type Program, startProgram } from '../../examples/cluster/program.ts'
import { programFile } from '../../examples/cluster/program-file.ts'
import { until } from '../until.ts'
import './plain-programs.ts'
import { type Balancer, startBalancer } from './start-balancer.ts'

const MEZHUB = programFile('mezhub')

export interface RunningHub {
  readonly name: string
  readonly port: number
  readonly diagnosticsPort: number
  readonly api: AdminClient
  /** The one that runs now. */
  readonly program: Program
  /** Starts it again after it has ended. */
  restart(): Promise<void>
}

/** A PostgreSQL database, and one address in front of the hubs that are started on it. */
export interface Site {
  readonly dir: string
  /** The server of these hubs alone; null: they share one with other tests. */
  readonly postgres: TestPostgres | null
  readonly databaseUrl: string
  readonly hubUrl: string
  readonly balancer: Balancer
  /** Starts a hub, a program of its own; `file` is another build of mezhub. */
  startHub(name: string, file?: string): Promise<RunningHub>
  appUrl(name: string): string
  /** Which hubs new connections to the public address reach, as a load balancer decides. */
  balanceTo(...hubs: readonly RunningHub[]): void
  /** Trusts the hubs that have been started. */
  visitor(): Visitor
}

export interface TwoHubs extends Site {
  readonly a: RunningHub
  readonly b: RunningHub
}

export interface SiteOptions {
  /** Added to the configuration of each hub. */
  readonly config?: Readonly<Record<string, unknown>>
  /** The hubs migrate an empty database; otherwise they start on one that is migrated, if there is one to copy. */
  readonly emptyDatabase?: true
  /** The way of a hub to the database, by its name and the straight way. */
  readonly databaseUrl?: (name: string, url: string) => string
  /** Address that the hubs listen on; default 127.0.0.1. */
  readonly listenHost?: string
  /** Added to `proxy` of each. */
  readonly proxy?: Readonly<Record<string, unknown>>
  /** Environment of each, by its name. */
  readonly env?: (name: string) => Readonly<Record<string, string>>
}

/** Two hubs, programs of their own, on one PostgreSQL server, behind one address; all gone with the test. */
export async function startTwoHubs(
  t: { teardown(fn: () => unknown): void },
  options: SiteOptions = {},
): Promise<TwoHubs> {
  const site = await startSite(t, options)
  // At once, as an orchestrator does: the migrations of a fresh database must bear it.
  const [a, b] = await Promise.all([site.startHub('hub-a'), site.startHub('hub-b')])
  site.balanceTo(a)
  return { ...site, a, b }
}

export async function startSite(
  t: { teardown(fn: () => unknown): void },
  options: SiteOptions = {},
): Promise<Site> {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-two-hubs-'))
  const closers: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]
  t.teardown(async () => {
    for (const close of closers.reverse()) await close()
  })
  const shared = options.emptyDatabase ? null : await createPostgresDatabase()
  const postgres = shared === null ? await startPostgres() : null
  closers.push(() => shared?.drop() ?? postgres?.close())
  const url = shared?.url ?? (await postgres!.createDatabase())
  const balancer = await startBalancer()
  closers.push(() => balancer.close())

  const key = { MEZITE_ENCRYPTION_KEY: randomBytes(32).toString('base64') }
  let authorities = ''
  const startHub = async (name: string, mezhub: string = MEZHUB): Promise<RunningHub> => {
    const dataDir = join(dir, name)
    // A name that starts again, of another build, is an upgrade.
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const [port, diagnosticsPort] = await Promise.all([freePort(), freePort()])
    const file = join(dir, `${name}.yaml`)
    const config = {
      cluster_name: 'pair',
      data_dir: dataDir,
      shutdown_grace: '1s',
      database: { driver: 'postgres', url: options.databaseUrl?.(name, url) ?? url },
      proxy: {
        listen_addr: `${options.listenHost ?? '127.0.0.1'}:${port}`,
        public_addr: `hub.mezite.localhost:${balancer.port}`,
        apps_domain: 'apps.mezite.localhost',
        // Hubs of the version before do not know it.
        ...(mezhub === MEZHUB && { shutdown_delay: '0' }),
        ...options.proxy,
      },
      diagnostics: { listen_addr: `127.0.0.1:${diagnosticsPort}` },
      ...options.config,
    }
    writeFileSync(file, stringify(config), { mode: 0o600 })
    const launch = () =>
      startProgram({
        name,
        file: mezhub,
        args: ['start', '--config', file],
        env: { ...key, ...options.env?.(name) },
        logFile: join(dir, `${name}.log`),
        ready: () =>
          until(() => answers(`http://127.0.0.1:${diagnosticsPort}/readyz?deep`), `${name} is ready`),
      })
    let program = await launch()
    closers.push(() => program.stop())
    // None if a plugin provides the certificate.
    const authority = join(dataDir, 'development-ca.pem')
    if (existsSync(authority)) authorities += readFileSync(authority, 'utf8')
    return {
      name,
      port,
      diagnosticsPort,
      api: adminClient(join(dataDir, 'admin.sock')),
      get program() {
        return program
      },
      async restart() {
        program = await launch()
      },
    }
  }
  return {
    dir,
    postgres,
    databaseUrl: url,
    hubUrl: `https://hub.mezite.localhost:${balancer.port}`,
    balancer,
    startHub,
    appUrl: (name) => `https://${name}.apps.mezite.localhost:${balancer.port}`,
    balanceTo: (...hubs) => balancer.to(...hubs.map(({ port }) => port)),
    visitor: () => new Visitor(authorities),
  }
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
