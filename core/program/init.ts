import { lookup } from 'node:dns/promises'
import { mkdir, unlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import { type AdminClient, ApiError, adminClient } from '../hub/api-server/admin-client.ts'
import {
  formatAddress,
  isLocalhostName,
  isLoopback,
  parseListenAddress,
  parsePublicAddress,
} from '../hub/config/address.ts'
import { type LoadedConfig, loadConfig } from '../hub/config/config-loader.ts'
import type { HubConfig } from '../hub/config/hub-config.ts'
import { MezError, messageOf } from '../kernel/error.ts'
import { createLog } from '../log/program-log.ts'
import { installService } from '../log/service-install.ts'
import type { ProgramCommand } from './index.ts'

const HELP = `Usage: mezhub init --public-addr HOST[:PORT] --apps-domain DOMAIN --admin NAME [flags]

Writes a configuration, creates the database with a first administrator, checks names, port and certificate, and
prints what is left to do. Asks for the three values on a terminal.

  --config FILE          the file to write (default: mezhub.yaml)
  --service              also run the hub as a service of this machine (as root; default of --config then:
                         /etc/mezite/mezhub.yaml)
  --public-addr ADDRESS  the hub's own web host, with :PORT when it is not 443
  --apps-domain DOMAIN   applications are below this domain
  --admin NAME           the first administrator, who signs in with a passkey
  --agent HOSTNAME       also print the command that starts the agent of this host
  --listen-addr ADDRESS  where the hub listens (default: 0.0.0.0 and the port of --public-addr)
  --local                certificates from an authority of the hub's own, for one machine or a home network; makes
                         browsers accept them: mezctl trust install
  --cert-file FILE       certificate for the hub and the applications, in PEM, with --key-file FILE
  --data-dir DIR         encryption key and embedded database (default: /var/lib/mezite)
  --postgres             use the PostgreSQL of MEZITE_DATABASE_URL, which mezhub start then reads as well
`

const FLAGS = {
  config: { type: 'string' },
  service: { type: 'boolean', default: false },
  local: { type: 'boolean', default: false },
  'public-addr': { type: 'string' },
  'apps-domain': { type: 'string' },
  admin: { type: 'string' },
  agent: { type: 'string' },
  'listen-addr': { type: 'string' },
  'cert-file': { type: 'string' },
  'key-file': { type: 'string' },
  'data-dir': { type: 'string' },
  postgres: { type: 'boolean', default: false },
} as const

const QUESTIONS = {
  'public-addr': "The hub's public name (mezite.example.com): ",
  'apps-domain': 'The domain of the applications (apps.example.com): ',
  admin: 'Name of the first administrator: ',
} as const

/** `mezhub init`. */
export const init: ProgramCommand = {
  summary: 'write a configuration and create the first administrator',
  help: HELP,
  run: initHub,
}

type Flags = ReturnType<typeof parseFlags>
const parseFlags = (args: readonly string[]) => parseArgs({ args: [...args], options: FLAGS }).values

/** `progress` is for lines of what it does now. Rejects, and removes the configuration again, if a hub cannot start with it. */
async function initHub(
  args: readonly string[],
  print: (text: string) => void,
  progress: (text: string) => void = () => {},
): Promise<void> {
  const flags = await complete(parseFlags(args))
  const file = resolve(flags.config ?? (flags.service ? '/etc/mezite/mezhub.yaml' : 'mezhub.yaml'))
  if (flags.service) await mkdir(dirname(file), { recursive: true })
  await writeFile(file, settings(flags), { mode: 0o600, flag: 'wx' }).catch((cause: Error) => {
    throw new MezError('MEZ_FILE_UNWRITABLE', `cannot write ${file}: ${messageOf(cause)}`, {
      hint: 'Name another file with --config, or remove this one.',
      cause,
    })
  })
  try {
    const loaded = await loadConfig({ file })
    progress('Checking names, port and certificate…\n')
    const checks = await examine(loaded)
    progress('Creating the database and the administrator, which takes some seconds…\n')
    print(report(loaded.config, checks, await firstLogins(loaded, flags.admin!, flags.agent), flags.admin!))
    if (!flags.service) return
    const done = await installService({ name: 'mezhub', configFile: file, files: [] })
    print(`\n${done.join('\n')}\n`)
  } catch (error) {
    await unlink(file)
    throw error
  }
}

async function complete(flags: Flags): Promise<Flags> {
  const missing = (Object.keys(QUESTIONS) as (keyof typeof QUESTIONS)[]).filter((name) => !flags[name])
  if (missing.length > 0 && !process.stdin.isTTY) {
    throw new MezError(
      'MEZ_USAGE_WRONG',
      `mezhub init needs ${missing.map((name) => `--${name}`).join(', ')}`,
    )
  }
  const answers: Partial<Record<keyof typeof QUESTIONS, string>> = {}
  if (missing.length > 0) {
    const terminal = createInterface({ input: process.stdin, output: process.stderr })
    for (const name of missing) answers[name] = (await terminal.question(QUESTIONS[name])).trim()
    terminal.close()
  }
  const complete = { ...flags, ...answers }
  requireCertificate(complete)
  return complete
}

/** Names the flags of the certificate without which a hub does not start on a public name. */
function requireCertificate(flags: Flags): void {
  const one = flags['cert-file'] === undefined ? '--cert-file' : '--key-file'
  const both = flags['cert-file'] === undefined && flags['key-file'] === undefined
  if (flags['cert-file'] !== undefined && flags['key-file'] !== undefined) return
  const host = parsePublicAddress(flags['public-addr']!)?.host
  const listen = parseListenAddress(flags['listen-addr'] ?? '')?.host
  // Wrong values are reported with the rest of the configuration.
  const mayDevelop =
    host === undefined || isLocalhostName(host) || (listen !== undefined && isLoopback(listen))
  if (both && mayDevelop) return
  const names = `${host ?? flags['public-addr']} and *.${flags['apps-domain']}`
  throw new MezError(
    'MEZ_USAGE_WRONG',
    `mezhub init needs ${both ? '--cert-file FILE and --key-file FILE' : `${one} FILE`}: the certificate, in PEM, for ${names}`,
    {
      hint: 'To try it out on this machine alone, use names below localhost: --public-addr hub.localhost:8443 --apps-domain apps.localhost',
    },
  )
}

function settings(flags: Flags): string {
  const port = /:(\d+)$/.exec(flags['public-addr']!)?.[1] ?? '443'
  const keypair = flags['cert-file'] !== undefined || flags['key-file'] !== undefined
  return stringify({
    ...(flags['data-dir'] === undefined ? {} : { data_dir: flags['data-dir'] }),
    ...(flags.postgres ? { database: { driver: 'postgres' } } : {}),
    proxy: {
      listen_addr: flags['listen-addr'] ?? `0.0.0.0:${port}`,
      public_addr: flags['public-addr'],
      apps_domain: flags['apps-domain'],
      ...(keypair
        ? { https_keypair: { cert_file: flags['cert-file'] ?? '', key_file: flags['key-file'] ?? '' } }
        : {}),
    },
    ...(flags.local ? { plugins: { 'local-authority': {} } } : {}),
  })
}

interface Check {
  readonly what: string
  /** Null if nothing is missing. */
  readonly missing: string | null
}

/** Tests what a file cannot say: whether names resolve, and whether the port is free. */
async function examine({ config, plugins }: LoadedConfig): Promise<readonly Check[]> {
  const { proxy, signInHost, dataDir } = config
  const hosts = new Set([
    proxy.publicAddr.host,
    signInHost,
    ...(proxy.appsDomain ? [`app.${proxy.appsDomain}`] : []),
  ])
  const names = [...hosts]
    .filter((host) => !isLocalhostName(host))
    .map(async (host): Promise<Check> => {
      const found = await lookup(host, { all: true }).catch(() => [])
      const what = `${host} resolves${found.length > 0 ? ` to ${found.map(({ address }) => address).join(', ')}` : ''}`
      return { what, missing: found.length > 0 ? null : `${host} does not resolve: add the DNS record` }
    })
  const address = formatAddress(proxy.listen)
  const failure = await listens(proxy.listen)
  const port = { what: `${address} is free`, missing: failure === null ? null : `${address}: ${failure}` }
  const certificate = {
    what: 'the certificate covers the hub and its applications',
    missing: proxy.httpsKeypair
      ? null
      : plugins.some(({ key }) => key === 'local-authority')
        ? `browsers do not trust the hub's own authority yet: run mezctl trust install${dataDir === '/var/lib/mezite' ? '' : ` --data-dir ${dataDir}`} once the hub runs`
        : `browsers warn of the development certificate: get one for both names; command lines trust it with --ca-file ${join(dataDir, 'development-ca.pem')}`,
  }
  return [...(await Promise.all(names)), port, certificate]
}

function listens({ host, port }: { host: string; port: number }): Promise<string | null> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(messageOf(error)))
    server.listen({ host, port }, () => server.close(() => resolve(null)))
  })
}

/** How long the link of the first administrator works: long enough for DNS records and a first start. */
const LINK_SECONDS = 3_600

interface FirstLogins {
  readonly passkey: { readonly link: string; readonly expires: string }
  /** The command of the agent, and the token that it asks for. */
  readonly agent: { readonly hostname: string; readonly command: string; readonly token: string } | null
}

/** Starts the hub on a free port of this machine until it has created the first administrator and the join token. */
async function firstLogins(
  { config, plugins }: LoadedConfig,
  admin: string,
  agent: string | undefined,
): Promise<FirstLogins> {
  const anywhere = { host: '127.0.0.1', port: 0 }
  const proxy = { ...config.proxy, listen: anywhere, redirectListen: null, shutdownDelayMs: 0 }
  const hidden = { ...config, proxy, diagnostics: { listen: anywhere }, shutdownGraceMs: 0 }
  const { createHub } = await import('../hub/hub.ts')
  const hub = createHub({ config: hidden, plugins, log: createLog({ level: 'error', format: 'text' }) })
  await hub.start()
  try {
    const api = adminClient(join(config.dataDir, 'admin.sock'))
    await createAdministrator(api, admin)
    const passkey = await api<FirstLogins['passkey']>('POST', `/users/${encodeURIComponent(admin)}/mfa`, {
      type: 'webauthn',
      sign_in: true,
      ttl_seconds: LINK_SECONDS,
    })
    if (agent === undefined) return { passkey, agent: null }
    const joining = { roles: ['app'], ttl_seconds: 86_400, agent_hostname: agent }
    const { command, token } = await api<{ command: string; token: string }>('POST', '/tokens', joining)
    return { passkey, agent: { hostname: agent, command, token } }
  } finally {
    await hub.stop()
  }
}

/** A repeated init keeps the administrator of the first one. */
async function createAdministrator(api: AdminClient, name: string): Promise<void> {
  try {
    await api('POST', '/users', { name, roles: ['admin', 'access'] })
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) throw error
  }
}

function report(
  { file, proxy, publicNames, database, dataDir }: HubConfig,
  checks: readonly Check[],
  logins: FirstLogins,
  admin: string,
): string {
  const { passkey, agent } = logins
  // Where mezctl looks without a flag.
  const where = dataDir === '/var/lib/mezite' ? '' : ` --data-dir ${dataDir}`
  const lines = [
    `Wrote ${file}. The database is ${database.driver === 'embedded' ? `embedded, in ${dataDir}` : 'PostgreSQL'}.`,
    '',
    'DNS records, both to the address of this machine:',
    `  ${proxy.publicAddr.host}.`,
    `  *.${proxy.appsDomain}.`,
    '',
    'Checks:',
    ...checks.map(({ what, missing }) => (missing === null ? `  ok       ${what}` : `  missing  ${missing}`)),
    '',
    'Redirect address for an OpenID provider, whose connector is named sso:',
    `  ${publicNames.signInOrigin}/v1/webapi/oidc/callback/sso`,
    '',
    'Start the hub:',
    `  mezhub start --config ${file}`,
    '',
    `Then create the administrator's passkey with this link. It works once, for an hour (until ${passkey.expires}):`,
    `  ${passkey.link}`,
    'If it has expired, make another:',
    `  mezctl users add-mfa ${admin} --type=webauthn${where}`,
  ]
  if (agent) {
    lines.push('', 'Start the agent, and enter the token:', `  ${agent.command}`, `  ${agent.token}`)
    lines.push('', 'Register an application that the agent reaches, on this machine:')
    lines.push(
      `  mezctl apps register --name NAME --uri http://HOST:PORT --agent-hostname ${agent.hostname}${where}`,
    )
  }
  return `${lines.join('\n')}\n`
}
