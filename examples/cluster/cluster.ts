import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from '@mezite/core/testing'
import { type HubPlace, type HubPlaces, oneHub, twoHubs } from './hub-places.ts'
import { acmeOf, type Pebble, startPebble } from './pebble.ts'
import { type Program, type ProgramOptions, startProgram } from './program.ts'
import { programFile } from './program-file.ts'
import { findProgram } from './program-lookup.ts'
import { haveCertificates, isConnected, isReady, isTaken, pause } from './readiness.ts'
import { hubConfig, resources } from './resources.ts'

export interface ClusterOptions {
  /** Name of the only transport that the agent uses; undefined: it chooses. */
  readonly transport?: string | undefined
  /** Folder of all data and logs, created with mode 0700. */
  readonly dir: string
  /** Port of the hub; 0 picks a free one. */
  readonly hubPort: number
  /** Port of the identity provider; if it is 0 or taken, a free one is used. */
  readonly idpPort: number
  /** `plugins:` of the hub's configuration. */
  readonly plugins?: Readonly<Record<string, unknown>>
  /** URL of a PostgreSQL database; without one a single hub embeds its own. */
  readonly databaseUrl?: string
  /** Keys of `proxy:` of a single hub. */
  readonly proxy?: Readonly<Record<string, unknown>>
  /** Default 1; 2 run behind HAProxy, on a PostgreSQL server that is gone when they stop. */
  readonly hubs?: 1 | 2
  /** The hub, then a single one, orders its certificates from an ACME authority on this machine. */
  readonly acme?: boolean
  /** Called before each step. */
  readonly onStep: (title: string) => void
  /** If it aborts during the start, all started programs are stopped, and the start rejects with its reason. */
  readonly signal?: AbortSignal
}

export interface Cluster {
  readonly hubUrl: string
  readonly apps: Readonly<Record<'identity' | 'live', string>>
  /** An application that opens only after a confirmation with a passkey. */
  readonly vaultUrl: string
  /** The kind of the TCP app `redis`: a real Redis if it is installed. */
  readonly redis: 'redis' | 'echo'
  readonly idpUrl: string
  /** PEM of the authority that issued the hub's certificates. */
  readonly ca: string
  readonly caFile: string
  readonly dataDir: string
  readonly hubs: readonly HubPlace[]
  /** The programs by name; tests stop and start them one by one. */
  readonly programs: ReadonlyMap<string, Program>
  /** Starts an ended program again with the same options. */
  restart(name: string): Promise<void>
  /** Runs mezctl with the hub's admin socket and resolves to its output. */
  mezctl(...args: readonly string[]): Promise<string>
  stop(): Promise<void>
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const MEZCTL_MS = 90_000

/** Starts hub, identity provider, agent and four applications as separate programs on loopback. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { dir, onStep, signal } = options
  const dataDir = join(dir, 'hub')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const hubPort = options.hubPort || (await freePort())
  const redisServer = findProgram('redis-server')
  const hubHost = 'hub.mezite.localhost'
  const appsDomain = 'apps.mezite.localhost'
  const hubUrl = `https://${hubHost}:${hubPort}`
  const caFile = options.acme ? join(dir, 'authority.pem') : join(dataDir, 'development-ca.pem')
  const programs = new Map<string, Program>()
  const started = new Map<string, ProgramOptions>()
  let places: HubPlaces | null = null
  let authority: Pebble | null = null
  const stop = async () => {
    for (const program of [...programs.values()].reverse()) await program.stop()
    await authority?.close()
    await places?.close()
  }
  const start = async (options: ProgramOptions): Promise<number> => {
    const program = await startProgram({ ...options, signal })
    programs.set(program.name, program)
    const { port } = program
    // After a restart it must listen on the registered port.
    started.set(
      program.name,
      port === 0 ? options : { ...options, env: { ...options.env, PORT: String(port) } },
    )
    return port
  }
  const restart = async (name: string) => {
    const program = started.get(name)
    if (!program) throw new Error(`no program is called ${name}`)
    await start(program)
  }
  const logFile = (name: string) => join(dir, `${name}.log`)
  const mezctlOf =
    (dataDir: string): Mezctl =>
    async (...args) => {
      const { stdout } = await promisify(execFile)(process.execPath, [programFile('mezctl'), ...args], {
        env: { ...process.env, MEZITE_DATA_DIR: dataDir },
        timeout: MEZCTL_MS,
      })
      return stdout
    }
  const mezctl = mezctlOf(dataDir)

  try {
    places = options.hubs === 2 ? await twoHubs(dir, hubPort) : await oneHub(dir, hubPort, options)
    const { hubs, databaseUrl, env, balancer } = places
    if (options.acme) {
      onStep('Starting the authority of the certificates')
      authority = await startPebble({ tlsPort: hubPort, httpPort: await freePort() })
      writeFileSync(caFile, await authority.root())
    }
    const plugins = { ...(authority && { acme: acmeOf(authority) }), ...options.plugins }
    const database = databaseUrl ? 'PostgreSQL' : 'its embedded database'
    onStep(`Starting the identity provider, and ${hubs.length > 1 ? 'two hubs' : 'the hub'} with ${database}`)
    const clientSecret = randomBytes(24).toString('base64url')
    const startHub = async (hub: HubPlace) => {
      mkdirSync(hub.dataDir, { recursive: true, mode: 0o700 })
      const configFile = join(dir, hub.name === 'hub' ? 'mezhub.yaml' : `mezhub-${hub.port}.yaml`)
      const config = hubConfig({ hub, hubHost, publicPort: hubPort, appsDomain, plugins, databaseUrl })
      writeFileSync(configFile, config, { mode: 0o600 })
      await start({
        name: hub.name,
        file: programFile('mezhub'),
        args: ['start', '--config', configFile],
        env,
        logFile: logFile(hub.name.replace(' ', '-')),
        ready: (signal) => isReady(hub.diagnosticsPort, signal),
      })
    }
    const startHubs = async (): Promise<number> => {
      for (const hub of hubs) await startHub(hub)
      if (!balancer) return 0
      const ready = async (signal: AbortSignal) => {
        while (!signal.aborted && !(await isTaken(hubPort))) await pause(50)
      }
      return start({ ...balancer, logFile: logFile('balancer'), ready })
    }
    const [idpPort] = await together(
      start({
        name: 'identity provider',
        file: here('identity-provider.ts'),
        logFile: logFile('identity-provider'),
        env: {
          PORT: String(options.idpPort),
          CLIENT_SECRET: clientSecret,
          REDIRECT_URI: `${hubUrl}/v1/webapi/oidc/callback/sso`,
          POST_LOGOUT_URI: `${hubUrl}/web/signed-out`,
          LOGOUT_URI: `${hubUrl}/v1/webapi/oidc/backchannel-logout/sso`,
          HUB_CA: caFile,
        },
      }),
      startHubs(),
    )
    const idpUrl = `http://127.0.0.1:${idpPort}`
    const ca = readFileSync(caFile, 'utf8')

    onStep('Starting the applications, which listen on 127.0.0.1 only')
    const startApp = (name: string, file: string, env: Readonly<Record<string, string>>) =>
      start({
        name: `${name} app`,
        file: here(`apps/${file}`),
        logFile: logFile(`${name}-app`),
        env: { PORT: '0', ...env },
      })
    const known = { HUB_URL: hubUrl, HUB_CA: caFile }
    const [identityPort, vaultPort, livePort, redisPort] = await together(
      startApp('identity', 'identity-app.ts', { ...known, APP_NAME: 'identity' }),
      startApp('vault', 'identity-app.ts', { ...known, APP_NAME: 'vault' }),
      startApp('live', 'live-app.ts', {}),
      startApp('redis', 'redis-app.ts', { REDIS_SERVER: redisServer ?? '', PORT: String(await freePort()) }),
    )

    onStep('Registering roles, the identity provider and the applications')
    const files = resources({
      ...{ identityPort, vaultPort, livePort, redisPort },
      ...{ idpUrl, clientSecret },
    })
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text, { mode: 0o600 })
    await Promise.all([
      mezctl('roles', 'create', '--from-file', join(dir, 'roles.yaml')),
      mezctl('sso', 'create', '--from-file', join(dir, 'sso.yaml')),
      mezctl('apps', 'register', '--from-file', join(dir, 'apps.yaml')),
    ])

    const app = (name: string) => `https://${name}.${appsDomain}:${hubPort}`
    const apps = { identity: app('identity'), live: app('live') }
    const vaultUrl = app('vault')
    if (authority) {
      onStep('Waiting for the certificates of the hub and the applications')
      const hosts = [hubUrl, apps.identity, apps.live, vaultUrl].map((url) => new URL(url).hostname)
      await haveCertificates(join(dataDir, 'admin.sock'), hosts, signal)
    }

    onStep('Joining the agent and opening its tunnel')
    const agentDir = join(dir, 'agent')
    // Not used while the certificate of an earlier run is valid.
    const joining = await joinToken(mezctl)
    await start({
      name: 'agent',
      file: programFile('mezd'),
      args: [
        'start',
        ...['--proxy', `${hubHost}:${hubPort}`],
        ...['--hostname', 'demo-node', '--data-dir', agentDir],
        ...['--ca-pin', joining.ca_pin],
        ...(options.transport ? ['--transport', options.transport] : []),
      ],
      env: { MEZITE_JOIN_TOKEN: joining.token },
      logFile: logFile('agent'),
      ready: (signal) =>
        Promise.all(hubs.map(({ dataDir }) => isConnected(join(dataDir, 'admin.sock'), signal))),
    })

    const redis = redisServer === null ? 'echo' : 'redis'
    return {
      hubUrl,
      vaultUrl,
      redis,
      idpUrl,
      apps,
      ca,
      caFile,
      dataDir,
      hubs,
      programs,
      restart,
      mezctl,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Waits for all, even if one fails, because a program that is still starting cannot be stopped. Rejects with the first failure. */
async function together<Ports extends readonly Promise<number>[]>(
  ...starting: Ports
): Promise<{ [At in keyof Ports]: number }> {
  await Promise.allSettled(starting)
  return (await Promise.all(starting)) as { [At in keyof Ports]: number }
}

type Mezctl = (...args: readonly string[]) => Promise<string>

async function joinToken(mezctl: Mezctl): Promise<{ token: string; ca_pin: string }> {
  return JSON.parse(
    await mezctl('tokens', 'create', '--roles=app', '--agent-hostname', 'demo-node', '--format', 'json'),
  )
}
