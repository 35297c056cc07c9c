import { mkdir, unlink, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import { isLocalhostName, isLoopback, parseListenAddress, parsePublicAddress } from '../api/address.ts'
import { createLog } from '../base/log/program-log.ts'
import { installService } from '../base/log/service-install.ts'
import { type LoadedConfig, loadConfig } from '../hub/config/config-loader.ts'
import type { HubConfig } from '../hub/config/hub-config.ts'
import { MezError, messageOf } from '../kernel/error.ts'
import { type AdminClient, ApiError, adminClient } from './admin/admin-client.ts'
import { type Check, firstChecks } from './first-checks.ts'
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
  --acme-email ADDRESS   certificates from an authority (Let's Encrypt), which may write to this address; you accept
                         its terms of service. Needs port 443 of both names, and no certificate files
  --acme-directory URL   another authority (default: letsencrypt; or letsencrypt-staging)
  --local                certificates from an authority of the hub's own, for one machine or a home network; makes
                         browsers accept them: mezctl trust install
  --cert-file FILE       certificate for the hub and the applications, in PEM, with --key-file FILE
  --data-dir DIR         encryption key and embedded database (default: /var/lib/mezite)
  --postgres             use the PostgreSQL of MEZITE_DATABASE_URL, which mezhub start then reads as well
`

const FLAGS = {
  config: { type: 'string' },
  service: { type: 'boolean', default: false },
  'acme-email': { type: 'string' },
  'acme-directory': { type: 'string' },
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
    const directory = flags['acme-email'] === undefined ? null : directoryOf(flags)
    const checks = await firstChecks(loaded, directory)
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

const directoryOf = (flags: Flags): string => flags['acme-directory'] ?? 'letsencrypt'

/** Names the flags of the certificate without which a hub does not start on a public name. */
function requireCertificate(flags: Flags): void {
  if (flags['acme-email'] === undefined && flags['acme-directory'] !== undefined)
    throw new MezError('MEZ_USAGE_WRONG', '--acme-directory needs --acme-email ADDRESS')
  const ways = [
    ['--acme-email', flags['acme-email'] !== undefined],
    ['--local', flags.local],
    ['--cert-file and --key-file', flags['cert-file'] !== undefined || flags['key-file'] !== undefined],
  ] as const
  const chosen = ways.filter(([, given]) => given).map(([name]) => name)
  if (chosen.length > 1)
    throw new MezError('MEZ_USAGE_WRONG', `give one source of certificates, not ${chosen.join(' and ')}`)
  if (flags['acme-email'] !== undefined || flags.local) return
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
      hint: 'To have the hub order its certificates, give --acme-email ADDRESS. To try it out on this machine alone, use names below localhost: --public-addr hub.localhost:8443 --apps-domain apps.localhost',
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
    ...(flags['acme-email'] === undefined ? {} : { plugins: { acme: acmeSettings(flags) } }),
  })
}

const acmeSettings = (flags: Flags) => ({
  email: flags['acme-email'],
  accept_terms: true,
  ...(flags['acme-directory'] === undefined ? {} : { directory: flags['acme-directory'] }),
})

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
  const { redirect_addr: _, ...others } = config.proxy
  const proxy = { ...others, listen_addr: anywhere, shutdown_delay: 0 }
  const hidden = { ...config, proxy, diagnostics: { listen_addr: anywhere }, shutdown_grace: 0 }
  const [{ createHub }, { hubParts }] = await Promise.all([
    import('../hub/hub.ts'),
    import('./parts/hub-parts.ts'),
  ])
  // An authority could not reach the hidden port: what it orders must wait for the first start.
  const silent = plugins.filter(({ key }) => key !== 'acme')
  const hub = createHub({
    parts: hubParts,
    config: hidden,
    plugins: silent,
    log: createLog({ level: 'error', format: 'text' }),
  })
  await hub.start()
  try {
    const api = adminClient(join(config.data_dir, 'admin.sock'))
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
  { file, proxy, publicNames, database, data_dir }: HubConfig,
  checks: readonly Check[],
  logins: FirstLogins,
  admin: string,
): string {
  const { passkey, agent } = logins
  // Where mezctl looks without a flag.
  const where = data_dir === '/var/lib/mezite' ? '' : ` --data-dir ${data_dir}`
  const lines = [
    `Wrote ${file}. The database is ${database.driver === 'embedded' ? `embedded, in ${data_dir}` : 'PostgreSQL'}.`,
    '',
    'DNS records, both to the address of this machine:',
    `  ${proxy.public_addr.host}.`,
    ...publicNames.appsDomains.map((domain) => `  *.${domain}.`),
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
