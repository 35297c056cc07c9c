import { messageOf } from '../kernel/error.ts'
import { headerOwner } from './header-names.ts'
import { safePath } from './local-path.ts'

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
    name,
    prefix: (value) => typeof value === 'string',
    home: maybe,
    helpFor: maybe,
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
