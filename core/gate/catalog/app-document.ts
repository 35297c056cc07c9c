import { X509Certificate } from 'node:crypto'
import type { TSchema } from 'typebox'
import type { AppInput } from '../../api/administration.ts'
import { type AppDisplay, isCarried } from '../../api/app.ts'
import type { AppKind } from '../../api/app-kinds.ts'
import { formatDuration, parseDuration } from '../../api/duration.ts'
import {
  parseResource,
  parseTime,
  type Resource,
  type ResourceOptions,
  resourceInvalid,
} from '../../api/resource.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import { checkConfig, type ValueProblem } from '../../kernel/config-check.ts'
import { headersDocument, readHeaders } from './app-headers.ts'
import { aliasFault, hostFault } from './app-hosts.ts'
import { AppSpec } from './app-schema.ts'

const NOT_CARRIED = 'with uri none, a proxy of your own serves the app'
const AGENT = /^[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?$/
const HOST = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/

/** Kinds that agents dial without a plugin: their documents are valid even if no plugin serves the kind. */
const DIALLED: readonly AppKind[] = [
  { name: 'http', schemes: ['http', 'https'], servedByHub: true },
  { name: 'tcp', schemes: ['tcp', 'http', 'https'], servedByHub: false },
]

/** The kind with this name: from a loaded plugin, otherwise from `DIALLED`. */
export const appKind = (name: string, loaded: readonly AppKind[]): AppKind | undefined =>
  [...loaded, ...DIALLED].find((kind) => kind.name === name)

export interface AppOptions extends ResourceOptions {
  /** The kinds that loaded plugins serve. */
  readonly kinds?: readonly AppKind[]
  /** Schemas of the plugins that have a part in `spec.plugins`. Omitted for stored documents: the plugins check these. */
  readonly appConfigs?: AppConfigs
}

/** Schemas of the parts that plugins have in the documents of apps, by the name of the plugin. */
export type AppConfigs = Readonly<Record<string, TSchema>>

/** Reads an app document. Throws `Problem` 400 `resource_invalid` with all faults; the catalog checks uniqueness. */
export function readApp(body: unknown, names: PublicNames, options: AppOptions = {}): AppInput {
  const { kinds = [], appConfigs, ...resource } = options
  const { metadata, spec } = parseResource('app', AppSpec, body, resource)
  const problems: ValueProblem[] = []
  const fault = (path: string, message: string | null) => {
    if (message !== null) problems.push({ path: ['spec', ...path.split('.')], message })
  }
  const known = [...DIALLED, ...kinds]
  const scheme = /^[^:]*/.exec(spec.uri)![0].toLowerCase()
  fault('uri', appUriFault(spec.uri, [...new Set(known.flatMap(({ schemes }) => schemes))]))
  const fitting = known.filter(({ schemes }) => schemes.includes(scheme))
  const protocol = spec.protocol ?? fitting[0]?.name ?? ''
  const kind = appKind(protocol, kinds)
  if (spec.protocol !== undefined && kind === undefined)
    fault('protocol', `must be ${[...new Set(known.map(({ name }) => name))].join(' or ')}`)
  else if (fitting.length > 0 && !fitting.includes(kind!))
    fault(
      'protocol',
      `must be ${[...new Set(fitting.map(({ name }) => name))].join(' or ')} for ${scheme}://`,
    )

  // An app that browsers cannot reach does not need a host.
  const domain = spec.domain?.toLowerCase() ?? names.appsDomain
  const hostless = domain === null && kind?.servedByHub === false && spec.public_addr === undefined
  const publicAddr = hostless ? '' : (spec.public_addr ?? `${metadata.name}.${domain}`).toLowerCase()
  if (spec.domain !== undefined && !names.appsDomains.includes(domain!))
    fault('domain', `must be in proxy.apps_domain: ${names.appsDomains.join(' or ') || 'it is not set'}`)
  else if (spec.domain !== undefined && !publicAddr.endsWith(`.${domain}`))
    fault('public_addr', `must be below ${domain}, as domain says`)
  else if (!hostless) fault('public_addr', hostFault(publicAddr, names))
  const aliases = [...new Set((spec.aliases ?? []).map((alias) => alias.toLowerCase()))]
  for (const [at, alias] of aliases.entries())
    fault(`aliases.${at}`, hostless ? 'needs public_addr' : aliasFault(alias, names))

  const agents = [...new Set((spec.agents ?? []).map((agent) => agent.toLowerCase()))]
  for (const [at, agent] of (spec.agents ?? []).entries()) {
    if (!AGENT.test(agent.toLowerCase())) fault(`agents.${at}`, 'must be the host name of an agent')
  }
  const { verify = true, server_name: serverName, ca } = spec.tls ?? {}
  if (serverName !== undefined && !HOST.test(serverName.toLowerCase()))
    fault('tls.server_name', 'must be a host name')
  if (ca !== undefined && !isPem(ca)) fault('tls.ca', 'must be certificates in PEM')
  const rewriteHost = spec.rewrite?.host ?? 'preserve'
  if (!/^(preserve|upstream)$/.test(rewriteHost) && !isHostPort(rewriteHost)) {
    fault('rewrite.host', 'must be preserve, upstream or a host name')
  }
  const httpVersion = spec.http?.version ?? '1.1'
  if (httpVersion === 'h2c' && spec.uri.startsWith('https:'))
    fault('http.version', 'must be h2 for an https:// uri')
  if (httpVersion === 'h2' && !spec.uri.startsWith('https:'))
    fault('http.version', 'must be h2c for an http:// uri')
  const { identityHeaders, headers, headerSecrets } = readHeaders(spec, fault)
  if (!isCarried(spec)) {
    const { request = {}, response = {} } = spec.headers ?? {}
    const changes = [request.set, request.remove, response.set, response.remove]
    if (agents.length > 0) fault('agents', `must be empty: ${NOT_CARRIED}`)
    if (spec.health) fault('health', `is not possible: ${NOT_CARRIED}`)
    if (changes.some((one) => Object.keys(one ?? {}).length > 0))
      fault('headers', `must be changed by the proxy: ${NOT_CARRIED}`)
  }
  for (const [at, origin] of (spec.origins ?? []).entries()) {
    const wildcard = aliases.some((alias) => origin === `https://${alias}${names.portSuffix}`)
    // A stored one that is a wildcard of nothing matches nothing.
    const plain = isOrigin(origin) && (appConfigs === undefined || !origin.includes('*'))
    if (!plain && !wildcard)
      fault(
        `origins.${at}`,
        'must be an origin such as https://spa.apps.example.com, or a wildcard of aliases',
      )
  }
  const ms = (key: 'connect' | 'response' | 'idle', text = '0') => {
    const value = parseDuration(text)
    if (value === null || value < 1) fault(`timeouts.${key}`, 'must be a duration above 0 such as 30s')
    return value ?? 1
  }
  const { name = null, description = null, icon = null, group = null } = spec.display ?? {}
  const display = { name, description, icon, group }
  const { connect = '5s', response = '60s', idle = '1h' } = spec.timeouts ?? {}
  const timeouts = {
    connectMs: ms('connect', connect),
    responseMs: ms('response', response),
    idleMs: ms('idle', idle),
  }
  const health = spec.health && {
    path: spec.health.path,
    intervalMs: parseDuration(spec.health.interval ?? '30s') ?? 0,
  }
  if (health && (health.intervalMs < 1_000 || health.intervalMs > 86_400_000))
    fault('health.interval', 'must be a duration from 1s to 24h')
  if (health && isCarried(spec) && kind?.name !== 'http')
    fault('health', 'is for web applications (protocol http)')
  if (appConfigs) problems.push(...slicesProblems({ ...spec.plugins }, appConfigs))
  if (problems.length > 0) throw resourceInvalid(problems)
  return {
    name: metadata.name,
    description: metadata.description ?? null,
    ...(Object.values(display).some((one) => one !== null) ? { display } : {}),
    labels: Object.assign(Object.create(null), metadata.labels),
    uri: spec.uri,
    protocol,
    publicAddr,
    ...(aliases.length > 0 ? { aliases } : {}),
    ...(spec.required_apps?.length ? { requiredApps: [...new Set(spec.required_apps)] } : {}),
    agents,
    enabled: spec.enabled ?? true,
    ...(spec.connector === undefined ? {} : { connector: spec.connector }),
    tls: { verify, serverName: serverName?.toLowerCase() ?? null, ca: ca ?? null },
    rewriteHost,
    httpVersion,
    identityHeaders,
    headers,
    ...(headerSecrets ? { headerSecrets } : {}),
    origins: [...new Set(spec.origins)],
    timeouts,
    ...(health ? { health } : {}),
    ...(Object.keys(spec.plugins ?? {}).length > 0 ? { plugins: { ...spec.plugins } } : {}),
    expires: metadata.expires === undefined ? null : parseTime(metadata.expires),
  }
}

/** The complete document of an app, which `readApp` can read. */
export function appDocument(app: AppInput): Resource<AppSpec> {
  const { tls, timeouts } = app
  return {
    kind: 'app',
    version: 'v1',
    metadata: {
      name: app.name,
      ...(app.description === null ? {} : { description: app.description }),
      labels: { ...app.labels },
      ...(app.expires === null ? {} : { expires: new Date(app.expires).toISOString() }),
    },
    spec: {
      uri: app.uri,
      ...(app.publicAddr === '' ? {} : { public_addr: app.publicAddr }),
      ...(app.aliases ? { aliases: [...app.aliases] } : {}),
      ...(app.requiredApps ? { required_apps: [...app.requiredApps] } : {}),
      ...(app.display ? { display: displayDocument(app.display) } : {}),
      protocol: app.protocol,
      agents: [...app.agents],
      enabled: app.enabled,
      ...(app.connector === undefined ? {} : { connector: app.connector }),
      tls: {
        verify: tls.verify,
        ...(tls.serverName === null ? {} : { server_name: tls.serverName }),
        ...(tls.ca === null ? {} : { ca: tls.ca }),
      },
      http: { version: app.httpVersion },
      rewrite: { host: app.rewriteHost },
      identity_headers: { ...app.identityHeaders },
      headers: headersDocument(app.headers),
      origins: [...app.origins],
      timeouts: {
        connect: formatDuration(timeouts.connectMs),
        response: formatDuration(timeouts.responseMs),
        idle: formatDuration(timeouts.idleMs),
      },
      ...(app.health
        ? { health: { path: app.health.path, interval: formatDuration(app.health.intervalMs) } }
        : {}),
      ...(app.plugins ? { plugins: { ...app.plugins } } : {}),
    },
  }
}

function slicesProblems(
  slices: Readonly<Record<string, unknown>>,
  schemas: AppConfigs,
): readonly ValueProblem[] {
  return Object.entries(slices).flatMap(([name, slice]) => {
    const path = ['spec', 'plugins', name]
    if (Object.hasOwn(schemas, name)) return checkConfig(schemas[name]!, slice, path).problems
    const known = Object.keys(schemas).join(', ') || 'none'
    return [{ path, message: `no loaded plugin with this name configures apps (available: ${known})` }]
  })
}

const displayDocument = (display: AppDisplay): NonNullable<AppSpec['display']> =>
  Object.fromEntries(Object.entries(display).filter(([, value]) => value !== null))

function isOrigin(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text
}

function isHostPort(text: string): boolean {
  const [, host = '', port] = /^([^:]*)(?::([1-9][0-9]{0,4}))?$/.exec(text) ?? []
  return HOST.test(host.toLowerCase()) && (port === undefined || Number(port) <= 65_535)
}

function isPem(text: string): boolean {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    for (const block of blocks) new X509Certificate(block)
    return blocks.length > 0
  } catch {
    return false
  }
}

const URI =
  /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}))(?::([0-9]{1,5}))?\/?$/

/** Why an agent cannot dial the URI, or null. The agent's allow-list still applies. */
function appUriFault(uri: string, known: readonly string[]): string | null {
  if (!isCarried({ uri }) && known.includes(uri)) return null
  const schemes = known.filter((scheme) => isCarried({ uri: scheme }))
  const match = URI.exec(uri)
  const [, scheme = '', host = '', port] = match ?? []
  if (!schemes.includes(scheme))
    return `must be SCHEME://HOST[:PORT] without user, path, query and fragment; schemes are ${schemes.join(', ')}`
  if (!/^https?$/.test(scheme) && port === undefined) return `must name the port: ${scheme}://HOST:PORT`
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
    return 'must have a port from 1 to 65535'
  if (host.includes('..') || host.endsWith('.') || URL.parse(uri) === null) return 'must have a valid host'
  return null
}
