import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import { type Address, formatAddress, isLocalhostName, isLoopback } from '../../api/address.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import { completeLimits } from '../../base/limits/limits.ts'
import type { KeyPairFiles } from '../../base/x509/key-pair.ts'
import type { ValueProblem } from '../../kernel/config-check.ts'
import { deepFreeze } from '../../kernel/deep-freeze.ts'
import { CLUSTER_NAME, parseClusterName } from './address.ts'
import type { HubFile } from './hub-schema.ts'

/**
 * The hub's configuration, checked, complete and frozen: the keys of the file as they are written there, with absolute paths,
 * and in camel case what follows from them. The loaded plugins carry their own configuration. `database.url` may hold a
 * password: never log it.
 */
export interface HubConfig extends Readonly<Omit<HubFile, 'proxy'>> {
  /** Absolute path of the configuration file. */
  readonly file: string
  readonly cluster_name: string
  /** `processes` is a number, with the embedded database 1. */
  readonly proxy: Readonly<
    Omit<HubFile['proxy'], 'processes' | 'limits'> & { processes: number; limits: ProxyLimits }
  >
  /** Whether a development certificate is allowed here. */
  readonly developmentCertificate: boolean
  /** Where people sign in, the WebAuthn RP ID: the hub's host or `login.<apps_domain>`. */
  readonly signInHost: string
  readonly publicNames: PublicNames
}

export interface Completed {
  readonly config: HubConfig
  readonly problems: readonly ValueProblem[]
  readonly warnings: readonly string[]
}

const NOWHERE: Address = { host: 'invalid', port: 0 }

/**
 * Completes what fits the schema, and checks what no schema can: keys against each other. Values that could not be decoded
 * are missing, and already reported. `certified`: a plugin may provide certificates in place of files, which the hub finds
 * out at its start.
 */
export function completeConfig(
  file: string,
  { read, certified }: { readonly read: HubFile; readonly certified: boolean },
): Completed {
  const problems: ValueProblem[] = []
  const warnings: string[] = []
  const problem = (path: string, message: string) => void problems.push({ path: path.split('.'), message })
  const { brand, diagnostics, cluster_name, data_dir } = read
  const proxy: Partial<HubFile['proxy']> = read.proxy
  const folder = dirname(resolve(file))
  const absolute = (pair: KeyPairFiles) => ({
    certFile: resolve(folder, pair.certFile),
    keyFile: resolve(folder, pair.keyFile),
  })
  const listen = proxy.listen_addr ?? NOWHERE
  const publicAddr = proxy.public_addr ?? NOWHERE
  const appsDomains = proxy.apps_domain ?? []

  const isPublicPort = (address: Address | undefined) =>
    address !== undefined && address.port !== 0 && address.port === listen.port
  if (isPublicPort(proxy.redirect_addr)) problem('proxy.redirect_addr', 'must not be the public port')
  const served: Address | undefined = diagnostics.listen_addr
  if (isPublicPort(served)) problem('diagnostics.listen_addr', 'must not be the public port')
  else if (served && !isLoopback(served.host))
    warnings.push(`diagnostics are served to the network on ${formatAddress(served)}, without any login`)
  checkDatabase(read.database, problem)
  if (proxy.proxy_protocol === 'required' && proxy.trusted_proxies?.length === 0)
    problem('proxy.proxy_protocol', 'required closes every connection without trusted_proxies')
  const local = isLoopback(listen.host) || isLocalhostName(publicAddr.host)
  const developmentCertificate = local || proxy.development_certificate === true
  if (!proxy.https_keypair && !certified) {
    if (developmentCertificate) warnings.push('without proxy.https_keypair a development certificate is used')
    else
      problem(
        'proxy.https_keypair',
        'is missing; a development certificate is only for loopback and .localhost, elsewhere proxy.development_certificate: true must allow it',
      )
  }
  for (const key of ['apps_keypair', 'apps_oidc_connector'] as const)
    if (proxy[key] !== undefined && appsDomains.length === 0)
      warnings.push(`proxy.${key} does nothing without proxy.apps_domain`)
  const clusterName = cluster_name ?? publicAddr.host
  if (parseClusterName(clusterName) === null)
    problem(
      'cluster_name',
      `is missing, and the host of proxy.public_addr is too long for it; it must be ${CLUSTER_NAME}`,
    )
  // Applications share cookies and an RP ID with their domain, so sign-in needs a host that no app can use.
  const around = appsDomains.find((domain) => `.${publicAddr.host}`.endsWith(`.${domain}`))
  const signInHost = around === undefined ? publicAddr.host : `login.${around}`
  const portSuffix = publicAddr.port === 443 ? '' : `:${publicAddr.port}`
  const config: HubConfig = {
    ...read,
    file: resolve(file),
    cluster_name: clusterName,
    data_dir: resolve(folder, data_dir),
    brand: { ...brand, ...(brand.logo_file && { logo_file: resolve(folder, brand.logo_file) }) },
    proxy: {
      ...read.proxy,
      ...(proxy.https_keypair && { https_keypair: absolute(proxy.https_keypair) }),
      ...(proxy.apps_keypair && { apps_keypair: absolute(proxy.apps_keypair) }),
      processes: countProcesses(read, listen.port, problem),
      limits: completeLimits(read.proxy.limits, (key, message) => problem(`proxy.limits.${key}`, message)),
    },
    developmentCertificate,
    signInHost,
    publicNames: {
      clusterName,
      hubOrigin: `https://${publicAddr.host}${portSuffix}`,
      signInOrigin: `https://${signInHost}${portSuffix}`,
      appsDomain: appsDomains[0] ?? null,
      appsDomains,
      portSuffix,
      plainHttp: proxy.redirect_addr !== undefined,
      appsOidcConnector: proxy.apps_oidc_connector ?? null,
      hsts: proxy.https_keypair !== undefined || certified,
    },
  }
  return { config: deepFreeze(config), problems, warnings }
}

type Report = (path: string, message: string) => void

function countProcesses({ database, proxy }: HubFile, publicPort: number, problem: Report): number {
  const alone = database.driver === 'embedded'
  const processes = proxy.processes === 'auto' ? (alone ? 1 : availableParallelism()) : proxy.processes
  if (alone && processes > 1)
    problem('proxy.processes', 'must be 1 or auto without database.driver: postgres')
  const first = proxy.internal_addr?.port
  if (processes > 1 && first !== undefined && first <= publicPort && publicPort < first + processes)
    problem('proxy.internal_addr', 'must leave the public port free; each process takes one port from it on')
  return processes
}

function checkDatabase({ driver, url }: HubFile['database'], problem: Report): void {
  if (driver === 'embedded') {
    if (url !== undefined) problem('database.url', 'is only for driver: postgres')
  } else if (url === undefined) {
    problem('database.url', 'is missing; driver postgres needs it')
  } else if (!/^postgres(ql)?:$/.test(URL.parse(url)?.protocol ?? '')) {
    problem('database.url', 'must be postgres://USER@HOST/DATABASE')
  }
}
