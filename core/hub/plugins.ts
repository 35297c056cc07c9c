import { access, locks } from '../api/access.ts'
import { administration } from '../api/administration.ts'
import { audit } from '../api/audit.ts'
import { catalog } from '../api/catalog.ts'
import { authorities } from '../api/certificate-authorities.ts'
import { database, databaseServer } from '../api/database.ts'
import { explanations } from '../api/explanations.ts'
import { grants } from '../api/grants.ts'
import { headerOwner } from '../api/header-names.ts'
import { httpHooks } from '../api/hub-hooks.ts'
import { hubState, type PluginRow } from '../api/hub-state.ts'
import { jobs } from '../api/jobs.ts'
import { metrics } from '../api/metrics.ts'
import { pages } from '../api/pages.ts'
import { proxyLimits } from '../api/proxy-limits.ts'
import { revisions } from '../api/revisions.ts'
import { secretBox } from '../api/secret-box.ts'
import { sessions } from '../api/sessions.ts'
import { signInDesk } from '../api/sign-in.ts'
import { tunnel } from '../api/tunnel.ts'
import { users } from '../api/users.ts'
import { publicNames } from '../api/web-routes.ts'
import { messageOf } from '../kernel/error.ts'
import type { PluginStatus } from '../kernel/kernel.ts'
import type { Received } from '../kernel/reference.ts'
import type { LoadedPlugin } from '../loader/plugin-loader.ts'
import { safePath } from '../sign-in/return-target.ts'

/** Plugins that load without configuration; each is `@mezite/plugin-<name>` and can be set to false under `plugins:`. */
export const standardPlugins: readonly string[] = [
  'access-requests',
  'acme',
  'admin-api',
  'api-tokens',
  'app-proposals',
  'audit-database',
  'authorization-server',
  'backup',
  'bots',
  'cli-login',
  'dashboard',
  'docs',
  'http-apps',
  'identity-jwt',
  'metrics',
  'notifications',
  'notifiers',
  'oidc',
  'rbac',
  'sign-in',
  'tcp-apps',
  'transport-http2',
  'transport-websocket',
  'transport-webtransport',
  'user-certs',
  'web-api',
  'webauthn',
]

/** The standard plugin that provides a service, for the error about a missing service. */
export const standardProviders: Readonly<Record<string, string>> = {
  assertion: 'identity-jwt',
  attention: 'admin-api',
  botLogins: 'bots',
  commandLogins: 'cli-login',
  confirmations: 'webauthn',
  sessionLimits: 'rbac',
}

/** The services that the hub itself provides to plugins. */
export const hubServices = {
  access,
  administration,
  audit,
  authorities,
  catalog,
  database,
  databaseServer,
  explanations,
  grants,
  httpHooks,
  hubState,
  jobs,
  locks,
  metrics,
  pages,
  proxyLimits,
  publicNames,
  revisions,
  secretBox,
  sessions,
  signInDesk,
  tunnel,
  users,
}

/** One part for each of `hubServices`. */
export type HubServices = { readonly [K in keyof typeof hubServices]: Received<(typeof hubServices)[K]> }

type Check = (part: unknown) => string | null

/** Checks that a part has these methods, and its other members with `more`. Null means valid. */
function partWith(
  methods: readonly string[],
  more: Readonly<Record<string, (value: unknown) => boolean>> = {},
): Check {
  return (part) => {
    const members = Object(part) as Record<string, unknown>
    const missing = methods.find((name) => typeof members[name] !== 'function')
    if (missing !== undefined) return `\`${missing}\` must be a function`
    const [wrong] = Object.entries(more).find(([name, fits]) => !fits(members[name])) ?? []
    return wrong === undefined ? null : `\`${wrong}\` cannot be ${messageOf(members[wrong])}`
  }
}

const name = (value: unknown) => typeof value === 'string' && value !== ''
const oneOf =
  (...values: unknown[]) =>
  (value: unknown) =>
    values.includes(value)
const maybe = (value: unknown) => value === undefined || typeof value === 'function'

const maybeNames = (value: unknown) =>
  value === undefined || (Array.isArray(value) && value.every((one) => typeof one === 'string'))

/**
 * Whether a function reads its first parameter as an array: it iterates it, or calls what only arrays have. Recognises the
 * form that a contract had while it was written for arrays, so that its author learns of it at the start and not by lost data.
 */
function readsArray(write: unknown): boolean {
  if (typeof write !== 'function') return false
  const text = Function.prototype.toString.call(write)
  const first = (/^(?:async\s+)?([\w$]+)\s*=>/.exec(text) ??
    /^(?:async\s+)?(?:function\s*)?(?:[\w$]+\s*)?\(\s*([\w$]+)/.exec(text))?.[1]
  if (first === undefined) return false
  const name = first.replaceAll('$', '\\$')
  const methods = 'map|forEach|filter|flatMap|reduce|some|every|find|entries|toSorted'
  return new RegExp(`\\bof\\s+${name}\\s*\\)|\\.{3}${name}\\b|(?<![\\w$.])${name}\\.(?:${methods})\\(`).test(
    text,
  )
}

/** Part of the URLs that the hub serves for a method. */
const pathSegment = (value: unknown) => typeof value === 'string' && /^[a-z0-9][a-z0-9-]{0,62}$/.test(value)

/** A header that the hub does not read itself, or that does not apply to one connection only. */
const mayCarryCredential = (value: unknown) =>
  typeof value === 'string' &&
  /^[a-z0-9-]{1,63}$/.test(value) &&
  !['cookie', 'origin', 'referer', 'accept'].includes(value) &&
  !value.startsWith('sec-') &&
  (headerOwner(value) === 'anybody' || value === 'mezite-token')

/** Checks of the parts that plugins provide, by reference, as far as possible before use. Null means valid. */
export const hubPartChecks: Readonly<Record<string, Check>> = {
  appKinds: partWith([], {
    name: (value) => typeof value === 'string' && /^[a-z0-9][a-z0-9-]{0,62}$/.test(value),
    schemes: (value) =>
      Array.isArray(value) && value.length > 0 && value.every((one) => /^[a-z][a-z0-9+.-]*$/.test(one)),
    servedByHub: oneOf(true, false),
    targets: oneOf(undefined, true, false),
  }),
  assertion: partWith(['sign']),
  sessionLimits: partWith(['ttlMs', 'idleMs']),
  transports: partWith([], {
    name,
    listen: maybe,
    path: (value) => value === undefined || typeof Object(value).path === 'string',
  }),
  protocols: (part) =>
    Object(part).takes === 'app-hosts'
      ? partWith(['request', 'upgrade', 'stream', 'drain'], { name })(part)
      : partWith(['accept', 'drain'], { name, takes: oneOf('app-hosts', 'alpn') })(part),
  auditSinks: (part) =>
    readsArray(Object(part).write)
      ? '`write` reads an array of events, its form in an earlier version; it now gets `(lines, batch)`: a text with one event a line'
      : partWith(['write', 'flush'], {
          name,
          guarantee: oneOf('enforced', 'best-effort'),
          writeIn: maybe,
        })(part),
  webRoutes: partWith(['routes'], {
    ...{ name, prefix: (value) => typeof value === 'string', home: maybe, helpFor: maybe },
  }),
  migrations: partWith([], {
    owner: name,
    migrations: (value) => Object(value) === value,
    transient: maybeNames,
    appendOnly: maybeNames,
  }),
  databaseChecks: partWith(['run'], { title: name }),
  notifications: partWith(['send']),
  notifiers: partWith(['takes', 'deliver'], { name: pathSegment }),
  diagnosticsRoutes: partWith(['respond'], {
    path: (value) => typeof value === 'string' && value.startsWith('/'),
  }),
  certificates: partWith(['covers', 'certificateFor', 'states'], {
    name,
    alpn: (value) => value === undefined || name(value),
    alpnCertificate: maybe,
    httpChallenge: maybe,
  }),
  dnsProviders: partWith(['present', 'cleanup'], { name: pathSegment }),
  commandLogins: partWith(['redeem']),
  signInMethods: partWith(['choices', 'begin'], { name: pathSegment, callback: maybe, form: maybe }),
  requirements: partWith([], {
    name: pathSegment,
    reason: (value) => typeof value === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(value),
    title: name,
    detail: name,
    strictest: maybe,
    isMetBy: maybe,
  }),
  credentials: (part) => {
    const { from } = Object(part) as { from?: unknown }
    if (from !== 'header') {
      const cookie = (value: unknown) => from !== 'cookie' || /^__Host-mezite[a-z_]*$/.test(String(value))
      const at = (value: unknown) => from !== 'cookie' || value === 'app' || value === 'api'
      return partWith(['read'], { name: pathSegment, from: oneOf('cookie', 'certificate'), cookie, at })(part)
    }
    return partWith(['read'], {
      name: pathSegment,
      at: oneOf('app', 'api'),
      headers: (value) => Array.isArray(value) && value.length > 0 && value.every(mayCarryCredential),
      challenge: maybe,
      document: (value) =>
        value === undefined ||
        (/^\/\.well-known\/[a-z0-9-]{1,63}$/.test(Object(value).path) &&
          typeof Object(value).of === 'function'),
    })(part)
  },
  roleRules: partWith(['attach'], {
    name: (value) => typeof value === 'string' && /^[a-z][a-z_]{0,62}$/.test(value),
    faults: maybe,
  }),
  confirmations: partWith(['pathTo']),
  verifiers: partWith(['verify'], { name: pathSegment }),
  denialHelp: partWith(['helpFor'], { name: pathSegment, offersTo: maybe }),
  dashboardParts: partWith(['content'], {
    title: name,
    kind: oneOf('page', 'panel', 'person-panel'),
    path: (value) => value === undefined || pathSegment(value),
  }),
  homeLinks: partWith([], {
    title: name,
    href: (value) => typeof value === 'string' && safePath(value) === value,
    role: (value) => value === undefined || typeof value === 'string',
    count: maybe,
  }),
}

/** The references and hooks that give a plugin a right, for `mezctl status --plugins`. */
const RIGHTS: Readonly<Record<string, readonly string[]>> = {
  'grants access': [
    ...[
      'access.decide',
      'access.challenge',
      'assertion',
      'authorities',
      'commandLogins',
      'credentials',
      'verifiers',
      'protocols',
    ],
    ...['administration', 'grants', 'sessions', 'signInDesk', 'signInMethods', 'users'],
  ],
  'writes the database': ['database', 'databaseServer', 'migrations', 'revisions', 'user.released'],
  'sees bodies': ['certificates', 'certifiedHttp', 'dial.open', 'protocols', 'transports', 'tunnel'],
}

/** The loaded plugins in the order of their setup, with where they come from and what they may do. */
export function pluginRows(
  rows: readonly PluginStatus[],
  loaded: readonly LoadedPlugin[],
): readonly PluginRow[] {
  return rows.map((row) => {
    const { plugin, file = null } = loaded.find(({ plugin: { name } }) => name === row.name) ?? {}
    const refs = Object.values({ ...plugin?.needs, ...plugin?.wants, ...plugin?.provides })
    const named = [...row.taps, ...refs.map(({ id }) => id)]
    const rights = Object.entries(RIGHTS).filter(([, by]) => named.some((one) => by.includes(one)))
    return { ...row, source: file, rights: rights.map(([right]) => right) }
  })
}
