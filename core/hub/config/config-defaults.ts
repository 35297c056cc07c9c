import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import { parseDuration } from '../../api/duration.ts'
import { DNS_LABEL } from '../../api/resource.ts'
import type { ValueProblem } from '../../kernel/config-check.ts'
import { completeLimits } from '../limits/limits.ts'
import {
  isCidr,
  isLocalhostName,
  isLoopback,
  parseHostName,
  parseListenAddress,
  parsePublicAddress,
} from './address.ts'
import { deepFreeze } from './deep-freeze.ts'
import type { Address, HubConfig, Keypair } from './hub-config.ts'
import type { RawHubConfig } from './hub-schema.ts'

export interface Completed {
  readonly config: HubConfig
  readonly problems: readonly ValueProblem[]
  readonly warnings: readonly string[]
}

const STALENESS_FLOOR_MS = 5_000
/** Timers of Node.js are limited to 24.8 days; a day is more than enough for a hub to stop. */
const LONGEST_GRACE_MS = 24 * 3_600_000
const LONGEST_DELAY_MS = 10 * 60_000
/** Certificates of hubs contain `hub.NAME.mezite.internal` (RFC 1035: at most 253 characters). */
const LONGEST_CLUSTER_NAME = 200
const CLUSTER_NAME = new RegExp(`^${DNS_LABEL}(\\.${DNS_LABEL})*$`)
const NOWHERE: Address = { host: 'invalid', port: 0 }

type Raw = Required<RawHubConfig>

/**
 * Turns what fits the schema into a `HubConfig`, and checks what no schema can: addresses, and keys against each other.
 * `certified`: a plugin may provide certificates in place of files, which the hub finds out at its start.
 */
export function completeConfig(file: string, raw: RawHubConfig, certified: boolean): Completed {
  const problems: ValueProblem[] = []
  const warnings: string[] = []
  const problem = (path: string, message: string) => void problems.push({ path: path.split('.'), message })
  const orProblem = <T>(path: string, value: T | null, fallback: T, must: string): T => {
    if (value === null) problem(path, `must be ${must}`)
    return value ?? fallback
  }
  const { brand, log, database, proxy, tunnel, sessions, diagnostics, ...top } = raw as Raw
  const listen = (path: string, text: string) =>
    orProblem(path, parseListenAddress(text), NOWHERE, 'HOST:PORT')
  const ms = (path: string, text: string) => orProblem(path, parseDuration(text), 0, 'at most ten years')
  const folder = dirname(resolve(file))
  const keypair = (pair: typeof proxy.https_keypair): Keypair | null =>
    pair ? { certFile: resolve(folder, pair.cert_file), keyFile: resolve(folder, pair.key_file) } : null

  const publicAddr = orProblem(
    'proxy.public_addr',
    parsePublicAddress(proxy.public_addr),
    NOWHERE,
    'a host name, with :PORT when it is not 443',
  )
  const appsDomain =
    proxy.apps_domain === undefined
      ? null
      : orProblem(
          'proxy.apps_domain',
          parseHostName(proxy.apps_domain),
          null,
          'a domain name without port or wildcard',
        )
  if (appsDomain !== null && !appsDomain.includes('.') && !isLocalhostName(appsDomain)) {
    problem('proxy.apps_domain', 'must have two labels at least')
  }
  const proxyListen = listen('proxy.listen_addr', proxy.listen_addr!)
  const internalAddr =
    proxy.internal_addr === undefined ? null : listen('proxy.internal_addr', proxy.internal_addr)
  if (internalAddr && (['0.0.0.0', '::'].includes(internalAddr.host) || internalAddr.port === 0)) {
    if (internalAddr !== NOWHERE) problem('proxy.internal_addr', 'must be what the other hubs dial')
  }
  const redirectListen =
    proxy.redirect_addr === undefined ? null : listen('proxy.redirect_addr', proxy.redirect_addr)
  if (redirectListen && redirectListen.port !== 0 && redirectListen.port === proxyListen.port) {
    problem('proxy.redirect_addr', 'must not be the public port')
  }
  const shutdownDelayMs = ms('proxy.shutdown_delay', proxy.shutdown_delay!)
  if (shutdownDelayMs > LONGEST_DELAY_MS) problem('proxy.shutdown_delay', 'must be at most 10m')
  const diagnosticsListen = listen('diagnostics.listen_addr', diagnostics.listen_addr!)
  if (diagnosticsListen.port !== 0 && diagnosticsListen.port === proxyListen.port) {
    problem('diagnostics.listen_addr', 'must not be the public port')
  } else if (!isLoopback(diagnosticsListen.host)) {
    warnings.push(`diagnostics are served to the network on ${diagnostics.listen_addr}, without any login`)
  }
  checkDatabase(database, problem)
  const alone = database.driver === 'embedded'
  const most = alone ? 1 : availableParallelism()
  const processes = proxy.processes === 'auto' ? most : (proxy.processes ?? 1)
  const firstInternal = internalAddr?.port ?? 0
  const takesPublic = firstInternal <= proxyListen.port && proxyListen.port < firstInternal + processes
  if (processes > 1 && internalAddr && takesPublic)
    problem('proxy.internal_addr', 'must leave the public port free; each process takes one port from it on')
  if (alone && processes > 1)
    problem('proxy.processes', 'must be 1 or auto without database.driver: postgres')
  proxy.trusted_proxies!.forEach((cidr, at) => {
    if (!isCidr(cidr)) problem(`proxy.trusted_proxies.${at}`, 'must be a CIDR such as 10.0.0.0/8')
  })
  if (proxy.proxy_protocol === 'required' && proxy.trusted_proxies!.length === 0) {
    problem('proxy.proxy_protocol', 'required closes every connection without trusted_proxies')
  }
  const local = isLoopback(proxyListen.host) || isLocalhostName(publicAddr.host)
  const developmentCertificate = local || proxy.development_certificate === true
  if (!proxy.https_keypair && !certified) {
    if (developmentCertificate) {
      warnings.push('without proxy.https_keypair a development certificate is used')
    } else {
      problem(
        'proxy.https_keypair',
        'is missing; a development certificate is only for loopback and .localhost, elsewhere proxy.development_certificate: true must allow it',
      )
    }
  }
  for (const key of ['apps_keypair', 'apps_oidc_connector'] as const) {
    if (proxy[key] !== undefined && appsDomain === null) {
      warnings.push(`proxy.${key} does nothing without proxy.apps_domain`)
    }
  }
  const streamStalenessMs = ms('sessions.stream_staleness', sessions.stream_staleness!)
  if (streamStalenessMs < STALENESS_FLOOR_MS) problem('sessions.stream_staleness', 'must be 5s or longer')

  const shutdownGraceMs = ms('shutdown_grace', top.shutdown_grace)
  if (shutdownGraceMs > LONGEST_GRACE_MS) problem('shutdown_grace', 'must be at most 24h')

  const clusterName = top.cluster_name ?? publicAddr.host
  if (clusterName.length > LONGEST_CLUSTER_NAME || !CLUSTER_NAME.test(clusterName)) {
    const must = `must be labels of small letters, digits and hyphens with dots between them, at most ${LONGEST_CLUSTER_NAME} characters, because certificates contain it`
    if (top.cluster_name !== undefined) problem('cluster_name', must)
    else
      problem('cluster_name', `is missing, and the host of proxy.public_addr is too long for it; it ${must}`)
  }
  const helpUrl = brand.help_url === undefined ? null : URL.parse(brand.help_url)
  if (brand.help_url !== undefined && helpUrl?.protocol !== 'https:' && helpUrl?.protocol !== 'mailto:')
    problem('brand.help_url', 'must be an https: or mailto: URL')
  // Applications share cookies and an RP ID with their domain, so sign-in needs a host that no app can use.
  const covers =
    appsDomain !== null && (publicAddr.host === appsDomain || publicAddr.host.endsWith(`.${appsDomain}`))
  const signInHost = covers ? `login.${appsDomain}` : publicAddr.host
  const portSuffix = publicAddr.port === 443 ? '' : `:${publicAddr.port}`
  const appsOidcConnector = proxy.apps_oidc_connector ?? null
  const config: HubConfig = {
    file: resolve(file),
    clusterName,
    dataDir: resolve(folder, top.data_dir),
    shutdownGraceMs,
    auditRequired: top.audit === undefined,
    brand: {
      name: brand.name!,
      logoFile: brand.logo_file === undefined ? null : resolve(folder, brand.logo_file),
      colour: brand.color ?? null,
      contact: brand.contact ?? null,
      helpUrl: helpUrl?.href ?? null,
    },
    log: { level: log.level!, format: log.format! },
    database:
      database.driver === 'postgres'
        ? { driver: 'postgres', url: database.url ?? '' }
        : { driver: 'embedded' },
    proxy: {
      listen: proxyListen,
      publicAddr,
      internalAddr,
      processes,
      redirectListen,
      shutdownDelayMs,
      httpsKeypair: keypair(proxy.https_keypair),
      developmentCertificate,
      appsDomain,
      appsKeypair: keypair(proxy.apps_keypair),
      appsOidcConnector,
      trustedProxies: proxy.trusted_proxies!,
      proxyProtocol: proxy.proxy_protocol!,
      limits: completeLimits(proxy.limits, (key, message) => problem(`proxy.limits.${key}`, message)),
    },
    signInHost,
    publicNames: {
      clusterName,
      hubOrigin: `https://${publicAddr.host}${portSuffix}`,
      signInOrigin: `https://${signInHost}${portSuffix}`,
      appsDomain,
      portSuffix,
      appsOidcConnector,
      hsts: proxy.https_keypair !== undefined || certified,
    },
    tunnel: { transports: tunnel.transports ?? null, streamsPerAgent: tunnel.streams_per_agent! },
    sessions: { streamStalenessMs },
    diagnostics: { listen: diagnosticsListen },
  }
  return { config: deepFreeze(config), problems, warnings }
}

function checkDatabase(database: Raw['database'], problem: (path: string, message: string) => void): void {
  const { driver, url } = database
  if (driver === 'embedded') {
    if (url !== undefined) problem('database.url', 'is only for driver: postgres')
  } else if (url === undefined) {
    problem('database.url', 'is missing; driver postgres needs it')
  } else if (!/^postgres(ql)?:$/.test(URL.parse(url)?.protocol ?? '')) {
    problem('database.url', 'must be postgres://USER@HOST/DATABASE')
  }
}
