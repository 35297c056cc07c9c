import { inspect } from 'node:util'
import { headerOwner } from './header-names.ts'
import { safePath } from './local-path.ts'
import { isAdminRight } from './rights.ts'

type Check = (part: unknown) => string | null

/** What a member must be, in words for the author of the plugin. */
interface Rule {
  readonly must: string
  fits(value: unknown): boolean
}

const rule = (must: string, fits: Rule['fits']): Rule => ({ must, fits })
const matching = (pattern: RegExp, must: string): Rule =>
  rule(must, (value) => typeof value === 'string' && pattern.test(value))
const optional = ({ must, fits }: Rule): Rule =>
  rule(`${must}, or left out`, (value) => value === undefined || fits(value))

/** A value as a message quotes it. */
const shown = (value: unknown) => inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 80 })

/** Checks that a part has these methods, and its other members with `more`. Null means valid. */
function partWith(methods: readonly string[], more: Readonly<Record<string, Rule>> = {}): Check {
  const rules = { ...Object.fromEntries(methods.map((name) => [name, method])), ...more }
  return (part) => {
    if (part === null || part === undefined || Object(part) !== part)
      return `it must be an object, not ${shown(part)}`
    const members = part as Record<string, unknown>
    const wrong = Object.entries(rules).find(([name, { fits }]) => !fits(members[name]))
    return wrong === undefined
      ? null
      : `\`${wrong[0]}\` must be ${wrong[1].must}, not ${shown(members[wrong[0]])}`
  }
}

const method = rule('a function', (value) => typeof value === 'function')
const name = rule('a text that is not empty', (value) => typeof value === 'string' && value !== '')
const oneOf = (...values: unknown[]) =>
  rule(values.map(shown).join(' or '), (value) => values.includes(value))
const maybe = optional(method)
const yesOrNo = optional(oneOf(true, false))
const maybeNames = optional(
  rule('a list of texts', (value) => Array.isArray(value) && value.every((one) => typeof one === 'string')),
)

const isRecordOf = (value: unknown, fits: (one: unknown) => boolean): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every(fits)
const translations = optional(
  rule('an object of objects of texts, by language and by their English', (value) =>
    isRecordOf(value, (words) => isRecordOf(words, (said) => typeof said === 'string')),
  ),
)

/** Part of the URLs that the hub serves for a method. */
const pathSegment = matching(/^[a-z0-9][a-z0-9-]{0,62}$/, 'at most 63 small letters, digits and hyphens')
const snakeCase = matching(/^[a-z][a-z0-9_]{0,63}$/, 'a code in snake_case')

/** A header that the hub does not read itself, or that does not apply to one connection only. */
const mayCarryCredential = (value: unknown) =>
  typeof value === 'string' &&
  /^[a-z0-9-]{1,63}$/.test(value) &&
  !['cookie', 'origin', 'referer', 'accept'].includes(value) &&
  !value.startsWith('sec-') &&
  (headerOwner(value) === 'anybody' || value === 'mezite-token' || value === 'mezite-device')

const credentialHeaders = rule(
  'a list of different lower-case names of headers that the hub does not use itself',
  (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(mayCarryCredential) &&
    new Set(value).size === value.length,
)
const apiHeaders = rule(
  "['authorization']: the API reads no other header for a credential",
  (value) => Array.isArray(value) && value.length === 1 && value[0] === 'authorization',
)

/** Node.js sends the settings of HTTP/2 up to 8 by their names, and throws for a value of 0. */
const isTransportPath = (value: unknown): boolean =>
  typeof Object(value).path === 'string' &&
  Object.entries(Object(value).settings ?? {}).every(
    ([id, setting]) => +id > 8 && +id < 2 ** 16 && Number(setting) > 0 && Number(setting) < 2 ** 32,
  )

/** Headers with credentials of several kinds, whose values say which one they are. */
const SHARED_HEADERS = ['authorization', 'mezite-token', 'dpop']

/**
 * What an entry of a slot takes for itself, in the words of the error about a second one. Rooms check what only they can
 * compare, such as the addresses of routes.
 */
export const hubPartTakes: Readonly<Record<string, (part: unknown) => readonly string[]>> = {
  appKinds: (part) => [`app kind "${Object(part).name}"`],
  findings: (part) => [`findings "${Object(part).name}"`],
  roleRules: (part) => [`role rule "${Object(part).name}"`],
  migrations: (part) => [`migrations of the owner "${Object(part).owner}"`],
  credentials(part) {
    const { from, headers = [] } = part as { from: string; headers?: readonly string[] }
    if (from !== 'header') return []
    const own = headers.filter((header) => !SHARED_HEADERS.includes(header))
    return own.map((header) => `credential in the header "${header}"`)
  },
}

/** Checks of the parts that plugins provide to the agent, like `hubPartChecks`. */
export const agentPartChecks: Readonly<Record<string, Check>> = {
  appSources: partWith(['watch'], { name: pathSegment }),
  agentTransports: partWith(['dial'], { name }),
}

/** Checks of the parts that plugins provide, by reference, as far as possible before use. Null means valid. */
export const hubPartChecks: Readonly<Record<string, Check>> = {
  appKinds: partWith([], {
    name: pathSegment,
    schemes: rule(
      "a list of schemes in small letters without the colon, such as ['https']",
      (value) =>
        Array.isArray(value) && value.length > 0 && value.every((one) => /^[a-z][a-z0-9+.-]*$/.test(one)),
    ),
    servedByHub: oneOf(true, false),
    targets: yesOrNo,
  }),
  appVerdicts: partWith(['judge']),
  assertion: partWith(['sign', 'signOnce']),
  sessionLimits: partWith(['ttlMs', 'idleMs']),
  adminRoles: partWith(['rulesOf', 'all'], { explainLack: maybe }),
  transports: partWith([], {
    name,
    listen: maybe,
    path: optional(
      rule(
        'an object with a `path`, and `settings` from 1 to 2^32 - 1 by identifiers above 8',
        isTransportPath,
      ),
    ),
  }),
  protocols: (part) =>
    Object(part).takes === 'app-hosts'
      ? partWith(['request', 'upgrade', 'stream', 'drain'], { name })(part)
      : partWith(['accept', 'drain'], { name, takes: oneOf('app-hosts', 'alpn') })(part),
  auditSinks: partWith(['write', 'flush'], {
    name,
    guarantee: oneOf('enforced', 'best-effort'),
    writeIn: maybe,
  }),
  webRoutes: partWith(['routes'], {
    name,
    prefix: rule("a path such as '/v1/webapi', or ''", (value) => typeof value === 'string'),
    home: maybe,
    helpFor: maybe,
  }),
  migrations: partWith([], {
    owner: matching(
      /^(?!core(?:-|$))[a-z0-9][a-z0-9-]{0,40}$/,
      "the name of the plugin: at most 41 small letters, digits and hyphens, and not 'core', whose tables are the hub's",
    ),
    migrations: rule('an object with the migrations by name', (value) => Object(value) === value),
    transient: maybeNames,
    appendOnly: maybeNames,
  }),
  databaseChecks: partWith(['run'], { title: name }),
  notifications: partWith(['send']),
  notifiers: partWith(['takes', 'deliver'], { name: pathSegment }),
  diagnosticsRoutes: partWith(['respond'], { path: matching(/^\//, "a path that begins with '/'") }),
  certificates: partWith(['covers', 'certificateFor', 'states'], {
    name,
    alpn: optional(name),
    alpnCertificate: maybe,
    httpChallenge: maybe,
  }),
  dnsProviders: partWith(['present', 'cleanup'], { name: pathSegment }),
  commandLogins: partWith(['redeem']),
  signInMethods: partWith(['choices', 'begin'], { name: pathSegment, callback: maybe, form: maybe }),
  requirements: partWith([], {
    name: pathSegment,
    reason: snakeCase,
    title: name,
    detail: name,
    strictest: maybe,
    isMetBy: maybe,
    accepts: maybeNames,
  }),
  credentials: (part) => {
    const { from, at } = Object(part) as { from?: unknown; at?: unknown }
    if (from === 'header')
      return partWith(['read'], {
        name: pathSegment,
        at: oneOf('app', 'api'),
        headers: at === 'api' ? apiHeaders : credentialHeaders,
        challenge: maybe,
        document: optional(
          rule(
            'an object with a `path` below /.well-known/ and a function `of`',
            (value) =>
              /^\/\.well-known\/[a-z0-9-]{1,63}$/.test(Object(value).path) &&
              typeof Object(value).of === 'function',
          ),
        ),
      })(part)
    return partWith(['read'], {
      name: pathSegment,
      from: oneOf('header', 'cookie', 'certificate'),
      ...(from === 'cookie' && {
        cookie: matching(/^__Host-mezite[a-z_]*$/, "a name that begins with '__Host-mezite'"),
        at: oneOf('app', 'api'),
      }),
    })(part)
  },
  roleRules: partWith(['attach'], {
    name: matching(
      /^(?!app_labels$)[a-z][a-z_]{0,62}$/,
      "at most 63 small letters and '_', and not 'app_labels', which every rule has",
    ),
    faults: maybe,
  }),
  confirmations: partWith(['pathTo', 'pathOf', 'add']),
  changeHolds: partWith(['opened', 'hold']),
  requestHolds: partWith(['hold'], { requirement: pathSegment }),
  operationReaders: partWith(['bodyBytes', 'read'], { requirement: pathSegment }),
  verifiers: partWith(['verify'], {
    name: pathSegment,
    webSockets: yesOrNo,
    besideCookies: yesOrNo,
    clientCas: maybe,
  }),
  findings: partWith(['list'], { name: pathSegment }),
  denialHelp: partWith(['helpFor'], { name: pathSegment, offersTo: maybe }),
  dashboardParts: partWith(['content'], {
    title: name,
    kind: oneOf('page', 'panel', 'person-panel'),
    right: rule('the right that its readers need, such as `app.read`', isAdminRight),
    path: optional(pathSegment),
    opensTo: maybe,
    texts: translations,
  }),
  homeLinks: partWith([], {
    title: name,
    titles: optional(
      rule('an object of texts, by language', (value) => isRecordOf(value, (one) => typeof one === 'string')),
    ),
    href: rule(
      'a path of the sign-in host',
      (value) => typeof value === 'string' && safePath(value) === value,
    ),
    role: optional(name),
    count: maybe,
  }),
}
