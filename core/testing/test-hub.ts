import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Clock } from '../kernel/clock.ts'
import type { AnyPlugin } from '../kernel/plugin.ts'
import { type AdminClient, adminClient } from '../program/admin/admin-client.ts'
import { seedDatabase } from '../program/dev/database-seed.ts'
import { freePort } from '../program/dev/free-port.ts'
import { memoryLog } from './memory-log.ts'
import { createTestDatabase } from './test-database.ts'
import { Visitor } from './visitor.ts'

/** A plugin as a value, with its configuration under `plugins:`. */
export interface PluginUnderTest {
  readonly plugin: AnyPlugin
  readonly config?: unknown
}

/** Differences from a hub with the default configuration. */
export interface TestHubOptions {
  /** Additional plugins as values, for example defined or imported by a test file. */
  readonly plugins?: readonly (AnyPlugin | PluginUnderTest)[]
  /** Keys of `mezhub.yaml` that differ; sections are merged key by key, `plugins:` can turn standard plugins off. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly clock?: Clock
}

/** A hub in this process. */
export interface TestHub {
  /** Origin of the hub's own host: `https://hub.mezite.localhost:PORT`. */
  readonly url: string
  /** Origin of the host where people sign in; the same unless the apps' domain covers the hub's host. */
  readonly signInUrl: string
  /** Origin of the app with this name, registered or not. */
  appUrl(name: string): string
  /** PEM of the authority of its development certificate, and its file; empty if a plugin provides the certificate. */
  readonly ca: string
  readonly caFile: string
  readonly dataDir: string
  readonly ports: { readonly public: number; readonly diagnostics: number }
  /** The JSON API as the operator. */
  readonly api: AdminClient
  /** A person with a new browser that trusts the hub's certificate. */
  visitor(): Visitor
  /** Resolves when the hub is ready. After a fake clock has moved, the hub must first read its database again. */
  ready(): Promise<void>
  /** Its log lines so far, of every level. */
  readonly log: readonly string[]
  /** Drains and closes the hub, and removes its files. Safe to call twice. */
  stop(): Promise<void>
}

const ATTEMPTS = 5
const READY_MS = 60_000

/**
 * Starts a complete hub in this process: a database of its own, free ports of 127.0.0.1, a development certificate, the
 * standard plugins and yours. The database is embedded, unless `MEZITE_TEST_POSTGRES` names one on a PostgreSQL server to
 * copy; `config.database` selects another. Names are below `.localhost`, which a `Visitor` resolves itself. Rejects like
 * `mezhub start`, with all problems of the configuration. Stop the hub at the end of the test.
 */
export async function createTestHub(options: TestHubOptions = {}): Promise<TestHub> {
  const dir = await mkdtemp(join(tmpdir(), 'mezite-test-hub-'))
  let drop = async () => {}
  const remove = async () => {
    await drop()
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  try {
    const config = { ...options.config }
    const dataDir = join(dir, 'data')
    if (config.database === undefined) {
      const { url, ...database } = await createTestDatabase(dataDir)
      drop = database.drop
      if (url !== null) config.database = { driver: 'postgres', url }
    } else if (config.data_dir === undefined) await seedDatabase(dataDir)
    for (let attempt = 1; ; attempt++) {
      const hub = await launch(dir, { ...options, config }, remove).catch((error: NodeJS.ErrnoException) => {
        // Another program took the port after it was chosen.
        if (error.code !== 'EADDRINUSE' || attempt === ATTEMPTS) throw error
        return null
      })
      if (hub) return hub
    }
  } catch (error) {
    await remove()
    throw error
  }
}

async function launch(dir: string, options: TestHubOptions, remove: () => Promise<void>): Promise<TestHub> {
  const file = join(dir, 'mezhub.yaml')
  const dataDir = join(dir, 'data')
  await writeFile(file, stringify(settings(await freePort(), dataDir, options.config)), { mode: 0o600 })
  // Loaded here, because most of this package does not need a hub.
  const [{ loadConfig }, { createHub }, { hubParts }] = await Promise.all([
    import('../hub/config/config-loader.ts'),
    import('../hub/hub.ts'),
    import('../program/parts/hub-parts.ts'),
  ])
  // Environment variables of the machine must not affect a test.
  const { config, plugins } = await loadConfig({ file, env: {} })
  const { log, lines } = memoryLog()
  const hub = createHub({
    parts: hubParts,
    config,
    plugins: [...plugins, ...(options.plugins ?? []).map(asLoaded)],
    log,
    ...(options.clock ? { clock: options.clock } : {}),
  })
  await hub.start()
  const caFile = join(config.data_dir, 'development-ca.pem')
  const ca = await readFile(caFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return ''
  })
  const { hubOrigin, signInOrigin, appsDomain, portSuffix } = config.publicNames
  return {
    url: hubOrigin,
    signInUrl: signInOrigin,
    appUrl: (name) => `https://${name}.${appsDomain}${portSuffix}`,
    ca,
    caFile,
    dataDir: config.data_dir,
    ports: hub.ports!,
    api: adminClient(join(config.data_dir, 'admin.sock')),
    visitor: () => new Visitor(ca),
    ready: () => untilReady(hub.ports!.diagnostics),
    log: lines,
    async stop() {
      await hub.stop()
      await remove()
    },
  }
}

async function untilReady(port: number): Promise<void> {
  const deadline = Date.now() + READY_MS
  for (;;) {
    const { status } = await fetch(`http://127.0.0.1:${port}/readyz?deep`)
    if (status === 200) return
    if (Date.now() > deadline) throw new Error(`the hub is not ready: ${status}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

type Settings = Readonly<Record<string, unknown>>

function settings(port: number, dataDir: string, revisions: Settings = {}): Settings {
  const defaults: Settings = {
    cluster_name: 'test',
    data_dir: dataDir,
    shutdown_grace: '1s',
    proxy: {
      listen_addr: `127.0.0.1:${port}`,
      public_addr: `hub.mezite.localhost:${port}`,
      apps_domain: 'apps.mezite.localhost',
      shutdown_delay: '0',
    },
    diagnostics: { listen_addr: '127.0.0.1:0' },
  }
  const merged = merge(defaults, revisions) as { proxy: { public_addr: string } }
  // The port is not known in advance.
  const { public_addr: address } = merged.proxy
  const proxy = { ...merged.proxy, public_addr: address.includes(':') ? address : `${address}:${port}` }
  return { ...merged, proxy }
}

function merge(below: unknown, above: unknown): unknown {
  if (!isSection(below) || !isSection(above)) return above === undefined ? below : above
  const keys = new Set([...Object.keys(below), ...Object.keys(above)])
  return Object.fromEntries([...keys].map((key) => [key, merge(below[key], above[key])]))
}

const isSection = (value: unknown): value is Settings =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function asLoaded(given: AnyPlugin | PluginUnderTest) {
  const { plugin, config } = 'plugin' in given ? given : { plugin: given, config: undefined }
  return { plugin, key: plugin.name, file: '', config }
}
