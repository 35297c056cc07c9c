import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { freemem, networkInterfaces, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { type Address, formatAddress, isLocalhostName } from '../api/address.ts'
import { version } from '../base/loader/runtime-check.ts'
import { readKeyPair } from '../base/x509/key-pair.ts'
import { loadConfig } from '../hub/config/config-loader.ts'
import type { HubConfig } from '../hub/config/hub-config.ts'
import { MezError, messageOf } from '../kernel/error.ts'
import { ApiError, adminClient } from './admin/admin-client.ts'
import { hostsOf, resolved } from './first-checks.ts'
import type { ProgramCommand } from './index.ts'

const HELP = `Usage: mezhub doctor --config FILE

Examines names, port, certificate, clock, database, disk and memory of this machine and, while the hub runs, versions of
agents and what needs attention. Each fault says who can repair it. Exits 1 if there is one.

  --config FILE   the hub's configuration
`

/** `mezhub doctor`. */
export const doctor: ProgramCommand = {
  summary: 'examine this machine and the running hub',
  help: HELP,
  async run(args, print) {
    const { values } = parseArgs({ args: [...args], options: { config: { type: 'string', short: 'c' } } })
    if (values.config === undefined)
      throw new MezError('MEZ_USAGE_WRONG', 'mezhub doctor needs --config FILE')
    const loaded = await loadConfig({ file: values.config })
    let faults = 0
    for await (const { step, fault, detail, who } of examineMachine(loaded.config)) {
      if (fault) faults += 1
      const mark = fault ? 'FAIL' : fault === null ? 'skip' : 'ok  '
      print(`${mark}  ${step}: ${detail}${fault ? `\n      Who can repair it: ${who}` : ''}\n`)
    }
    if (faults > 0)
      throw new MezError('MEZ_MACHINE_UNFIT', `${faults === 1 ? 'one check' : `${faults} checks`} failed`)
  },
}

/** One finding. */
interface Finding {
  readonly step: string
  /** Null: it could not be examined. */
  readonly fault: boolean | null
  readonly detail: string
  /** Who can repair it. */
  readonly who: string
}

const STEP_MS = 5_000
const DAY_MS = 24 * 3_600_000
const EXPIRY_DAYS = 21
const CLOCK_MS = 5_000
const FREE_DISK = 2 ** 30
const FREE_MEMORY = 512 * 2 ** 20
/** A hub with the embedded database, and one beside PostgreSQL, in bytes. */
const NEEDED_MEMORY = { embedded: 2 ** 30, postgres: 512 * 2 ** 20 }

const MACHINE = 'the administrator of this machine'
const DNS = 'whoever manages the DNS zone'
const DATABASE = 'the administrator of the database'

/** Examines the machine of a hub, and the hub if it runs. Every step has a deadline. */
async function* examineMachine(config: HubConfig): AsyncGenerator<Finding> {
  const { proxy, signInHost } = config
  const hosts = hostsOf(config)
  for (const host of hosts) yield await names(host)
  const status = await runningStatus(config)
  yield await port(proxy.listen_addr, status !== null)
  // A source of certificates may have none for a host that no app has.
  const served = status === null ? hosts : [proxy.public_addr.host, signInHost]
  yield* await certificate(config, [...new Set(served)], status !== null)
  yield* database(config, status !== null)
  yield await disk(config.data_dir)
  yield memory(config.database.driver)
  if (status === null) {
    const detail = 'the hub does not run on this machine, so agents and backups were not examined'
    yield { step: 'Hub', fault: null, detail, who: MACHINE }
    return
  }
  yield* appCertificates(config)
  yield* agents(config)
  for (const { kind, subject, message } of status.attention ?? [])
    yield { step: `Attention, ${kind}`, fault: true, detail: `${subject}: ${message}`, who: 'you' }
  for (const job of status.jobs ?? []) {
    if (!job.name.startsWith('backup')) continue
    const detail = job.last_run === null ? 'no backup has been made yet' : `${job.result}, at ${job.last_run}`
    yield { step: 'Backup', fault: job.failures > 0, detail, who: MACHINE }
  }
}

async function names(host: string): Promise<Finding> {
  const step = `DNS, ${host}`
  if (isLocalhostName(host)) return { step, fault: false, detail: 'always this machine', who: DNS }
  const { addresses: found } = await resolved(host)
  if (found.length === 0)
    return { step, fault: true, detail: 'does not resolve: add the DNS record', who: DNS }
  const own = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
  const here = found.some((address) => own.includes(address))
  const elsewhere = here ? '' : ', which is no address of this machine (right behind a balancer or NAT)'
  return { step, fault: false, detail: `${found.join(', ')}${elsewhere}`, who: DNS }
}

async function port(listen: Address, runs: boolean): Promise<Finding> {
  const step = `Port ${listen.port}`
  const server = createServer()
  const failure: string | null = await once(server.listen({ ...listen }), 'listening').then(
    () => null,
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  )
  await server[Symbol.asyncDispose]()
  if (runs) {
    const detail = failure === null ? 'the hub runs, but does not listen here' : 'the hub listens'
    return { step, fault: failure === null, detail, who: MACHINE }
  }
  if (failure === null) return { step, fault: false, detail: 'is free', who: MACHINE }
  const why = failure === 'EADDRINUSE' ? 'another program listens on it' : `cannot be opened (${failure})`
  return { step, fault: true, detail: `${formatAddress(listen)}: ${why}`, who: MACHINE }
}

/** What clients see if the hub runs, else the files. */
async function certificate(config: HubConfig, hosts: readonly string[], runs: boolean): Promise<Finding[]> {
  const { https_keypair, apps_keypair, listen_addr } = config.proxy
  const findings: Finding[] = []
  for (const host of hosts) {
    const step = `Certificate, ${host}`
    try {
      const isApp = host.startsWith('app.')
      const files = isApp ? (apps_keypair ?? https_keypair) : https_keypair
      if (!runs && files === undefined) {
        findings.push({ step, fault: null, detail: 'no files; the hub does not run', who: MACHINE })
        continue
      }
      const leaf = runs ? await shownFor(listen_addr, host) : (await readKeyPair(files!)).leaf
      const leftMs = leaf.validToDate.getTime() - Date.now()
      const days = Math.floor(leftMs / DAY_MS)
      // Short-lived ones are renewed in time when a sixth of their life is left.
      const lifeMs = leaf.validToDate.getTime() - leaf.validFromDate.getTime()
      const isLate = leftMs < Math.min(EXPIRY_DAYS * DAY_MS, lifeMs / 6)
      const names = leaf.checkHost(host, { subject: 'never' }) !== undefined
      const detail = names ? `expires in ${days} days` : `names ${leaf.subjectAltName ?? 'nothing'} only`
      findings.push({ step, fault: !names || isLate, detail, who: MACHINE })
    } catch (error) {
      findings.push({ step, fault: true, detail: messageOf(error), who: MACHINE })
    }
  }
  return findings
}

/** As the running hub reports them: an app that has none cannot be opened. */
async function* appCertificates({ data_dir }: HubConfig): AsyncGenerator<Finding> {
  type App = {
    metadata: { name: string }
    status?: { certificate?: { state: string; error: string | null } }
  }
  const api = adminClient(join(data_dir, 'admin.sock'))
  const apps = await api<readonly App[]>('GET', '/apps').catch(() => [])
  const without = apps.flatMap(({ metadata: { name }, status }) => {
    const { state = 'valid', error = null } = status?.certificate ?? {}
    return state === 'valid'
      ? []
      : [{ text: `${name} is ${state}${error === null ? '' : `: ${error}`}`, state }]
  })
  const detail = without.length === 0 ? `${apps.length} have one` : without.map(({ text }) => text).join('; ')
  yield {
    step: 'Certificates of apps',
    detail,
    who: MACHINE,
    fault: without.some(({ state }) => state === 'failing'),
  }
}

function shownFor({ host, port }: Address, servername: string): Promise<X509Certificate> {
  const local = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: local, port, servername, rejectUnauthorized: false, timeout: STEP_MS })
    socket.once('secureConnect', () => {
      const leaf = socket.getPeerX509Certificate()
      socket.destroy()
      if (leaf === undefined) reject(new Error('the hub shows no certificate'))
      else resolve(leaf)
    })
    socket.once('timeout', () => socket.destroy(new Error('the hub does not answer in time')))
    socket.on('error', reject)
  })
}

async function* database({ database, data_dir }: HubConfig, runs: boolean): AsyncGenerator<Finding> {
  if (database.driver === 'embedded') {
    const there = existsSync(join(data_dir, 'database', 'PG_VERSION'))
    const detail = there ? `embedded, in ${data_dir}` : `embedded; ${data_dir} has none yet`
    yield { step: 'Database', fault: false, detail, who: MACHINE }
    return
  }
  const client = new pg.Client({
    connectionString: database.url,
    connectionTimeoutMillis: STEP_MS,
    query_timeout: STEP_MS,
  })
  client.on('error', () => {})
  try {
    const beganAt = performance.now()
    await client.connect()
    const { rows } = await client.query<{ version: string; standby: boolean; ms: number }>(
      `SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS standby,
        (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms`,
    )
    const { version: server = '', standby = false, ms = 0 } = rows[0] ?? {}
    const took = Math.round(performance.now() - beganAt)
    const old = Number.parseInt(server, 10) < 15
    yield {
      step: 'Database',
      fault: old || standby,
      who: DATABASE,
      detail: standby
        ? 'the server is a standby; database.url must lead to the primary'
        : `PostgreSQL ${server}${old ? ', but 15 or newer is needed' : `, connected in ${took} ms`}`,
    }
    const skew = Date.now() - ms
    const detail = `this clock and the database's differ by ${(Math.abs(skew) / 1_000).toFixed(1)} s`
    yield { step: 'Clock', fault: Math.abs(skew) > CLOCK_MS, detail, who: `${MACHINE} (NTP)` }
  } catch (error) {
    const detail = `unreachable: ${messageOf(error)}${runs ? '' : ' (the hub does not run either)'}`
    yield { step: 'Database', fault: true, detail, who: DATABASE }
  } finally {
    await client.end().catch(() => {})
  }
}

async function disk(dataDir: string): Promise<Finding> {
  let folder = dataDir
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const detail = `${(free / 2 ** 30).toFixed(1)} GiB are free for ${dataDir}`
  return { step: 'Disk', fault: free < FREE_DISK, detail, who: MACHINE }
}

function memory(driver: 'embedded' | 'postgres'): Finding {
  const [total, free] = [totalmem(), freemem()]
  const small = total < NEEDED_MEMORY[driver]
  const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`
  const detail = `${mib(free)} of ${mib(total)} are free${small ? `; a hub needs ${mib(NEEDED_MEMORY[driver])}` : ''}`
  return { step: 'Memory', fault: small || free < FREE_MEMORY / 4, detail, who: MACHINE }
}

interface Status {
  readonly attention: readonly { kind: string; subject: string; message: string }[] | null
  readonly jobs:
    | readonly { name: string; result: string | null; last_run: string | null; failures: number }[]
    | null
}

/** Null if no hub runs on the data directory. */
function runningStatus({ data_dir }: HubConfig): Promise<Status | null> {
  return adminClient(join(data_dir, 'admin.sock'))<Status>('GET', '/status').catch((error) =>
    // It runs, without the plugin web-api.
    error instanceof ApiError && error.status === 404 ? { attention: null, jobs: null } : null,
  )
}

async function* agents({ data_dir }: HubConfig): AsyncGenerator<Finding> {
  const own = await version()
  const api = adminClient(join(data_dir, 'admin.sock'))
  const all = await api<readonly { hostname: string; version: string | null }[]>('GET', '/agents').catch(
    () => [],
  )
  const other = all.filter((agent) => agent.version !== null && agent.version !== own)
  const detail = other.map((agent) => `${agent.hostname} ${agent.version}`).join(', ')
  yield {
    step: 'Agents',
    fault: false,
    who: 'the administrators of their machines',
    detail: other.length === 0 ? `${all.length}, all with version ${own}` : `not version ${own}: ${detail}`,
  }
}
