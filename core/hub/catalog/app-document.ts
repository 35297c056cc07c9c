import { X509Certificate } from 'node:crypto'
import type { TSchema } from 'typebox'
import type { App, AppDisplay, HeaderChange } from '../../api/app.ts'
import type { AppKind } from '../../api/app-kinds.ts'
import { formatDuration, parseDuration } from '../../api/duration.ts'
import { headerOwner, isReservedInResponse, plainHeaderName } from '../../api/header-names.ts'
import {
  parseResource,
  parseTime,
  type Resource,
  type ResourceOptions,
  resourceInvalid,
} from '../../api/resource.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import { checkConfig, type ValueProblem } from '../../kernel/config-check.ts'
import { appUriFault, publicAddrFault } from './app-address.ts'
import { AppSpec } from './app-schema.ts'

const AGENT = /^[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?$/
const HOST = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/

/** An app without the id that the catalog gives it. */
export type AppInput = Omit<App, 'id'>

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
  const hostless = names.appsDomain === null && kind?.servedByHub === false && spec.public_addr === undefined
  const publicAddr = hostless
    ? ''
    : (spec.public_addr ?? `${metadata.name}.${names.appsDomain}`).toLowerCase()
  if (!hostless) fault('public_addr', publicAddrFault(publicAddr, names))

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
  const identityHeaders = spec.identity_headers ?? {}
  for (const name of Object.keys(identityHeaders)) fault('identity_headers', identityNameFault(name))
  const pass = [...new Set(spec.headers?.request?.pass?.map((name) => name.toLowerCase()))]
  const headers = {
    request: {
      ...readChange(spec.headers?.request, (name) => fault('headers.request', requestNameFault(name))),
      ...(pass.length > 0 ? { pass } : {}),
    },
    response: readChange(spec.headers?.response, (name) =>
      fault('headers.response', responseNameFault(name)),
    ),
  }
  const { set, remove } = headers.request
  const replaced = [...Object.keys(identityHeaders), ...Object.keys(set), ...remove]
  for (const name of pass) fault('headers.request.pass', passedNameFault(name, replaced))
  for (const [at, origin] of (spec.origins ?? []).entries()) {
    if (!isOrigin(origin)) fault(`origins.${at}`, 'must be an origin such as https://spa.apps.example.com')
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
    agents,
    enabled: spec.enabled ?? true,
    tls: { verify, serverName: serverName?.toLowerCase() ?? null, ca: ca ?? null },
    rewriteHost,
    httpVersion,
    identityHeaders: Object.assign(Object.create(null), identityHeaders),
    headers,
    origins: [...new Set(spec.origins)],
    timeouts,
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
      ...(app.display ? { display: displayDocument(app.display) } : {}),
      protocol: app.protocol,
      agents: [...app.agents],
      enabled: app.enabled,
      tls: {
        verify: tls.verify,
        ...(tls.serverName === null ? {} : { server_name: tls.serverName }),
        ...(tls.ca === null ? {} : { ca: tls.ca }),
      },
      http: { version: app.httpVersion },
      rewrite: { host: app.rewriteHost },
      identity_headers: { ...app.identityHeaders },
      headers: {
        request: {
          ...changeDocument(app.headers.request),
          ...(app.headers.request.pass ? { pass: [...app.headers.request.pass] } : {}),
        },
        response: changeDocument(app.headers.response),
      },
      origins: [...app.origins],
      timeouts: {
        connect: formatDuration(timeouts.connectMs),
        response: formatDuration(timeouts.responseMs),
        idle: formatDuration(timeouts.idleMs),
      },
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

type ChangeDocument = NonNullable<NonNullable<AppSpec['headers']>['request']>

function readChange(given: ChangeDocument | undefined, check: (name: string) => void): HeaderChange {
  const { set = {}, remove = [] } = given ?? {}
  for (const name of [...Object.keys(set), ...remove]) check(name)
  return {
    set: Object.assign(Object.create(null), set),
    remove: [...new Set(remove.map((name) => name.toLowerCase()))],
  }
}

function changeDocument({ set, remove }: HeaderChange): ChangeDocument {
  return { set: { ...set }, remove: [...remove] }
}

/** Constant lines may replace every header that a client or an app may send, except cookies. */
function requestNameFault(name: string): string | null {
  if (!HEADER_NAME.test(name)) return `${JSON.stringify(name)} is not a header name`
  const owner = headerOwner(name.toLowerCase())
  return owner === 'own' || owner === 'hub' ? `${name} is set by the hub` : null
}

/** `replaced`: names of the lines that the document sets or removes. */
function passedNameFault(name: string, replaced: readonly string[]): string | null {
  const fault = requestNameFault(name)
  if (fault !== null) return fault
  if (headerOwner(name) === 'anybody') return `${name} already passes`
  const plain = plainHeaderName(name)
  return replaced.some((one) => plainHeaderName(one.toLowerCase()) === plain)
    ? `${name} is also in identity_headers, set or remove`
    : null
}

function responseNameFault(name: string): string | null {
  if (!HEADER_NAME.test(name)) return `${JSON.stringify(name)} is not a header name`
  const lower = name.toLowerCase()
  return isReservedInResponse(lower) || lower === 'content-length' || lower === 'set-cookie'
    ? `${name} is set by the hub or by the app alone`
    : null
}

/** A header that the hub itself reads, or that describes the body, cannot carry an identity. */
function identityNameFault(name: string): string | null {
  const read = /^(?:cookie|origin|referer|accept(?:-.*)?|content-.*|sec-.*|access-control-.*)$/
  const fault = requestNameFault(name)
  if (fault !== null || !read.test(plainHeaderName(name.toLowerCase()))) return fault
  return `${name} has another meaning in HTTP`
}

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
