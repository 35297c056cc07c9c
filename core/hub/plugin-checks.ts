import { messageOf } from '../kernel/error.ts'

type Check = (part: unknown) => string | null

/** Why this is no part with these methods, and what `more` asks of its members; null: it is one. */
function partWith(
  methods: readonly string[],
  more: Readonly<Record<string, (value: unknown) => boolean>> = {},
): Check {
  return (part) => {
    const members = Object(part) as Record<string, unknown>
    const missing = methods.find((name) => typeof members[name] !== 'function')
    if (missing !== undefined) return `its ${missing} is no function`
    const [wrong] = Object.entries(more).find(([name, fits]) => !fits(members[name])) ?? []
    return wrong === undefined ? null : `its ${wrong} is ${messageOf(members[wrong])}`
  }
}

const name = (value: unknown) => typeof value === 'string' && value !== ''
const oneOf =
  (...values: unknown[]) =>
  (value: unknown) =>
    values.includes(value)
const maybe = (value: unknown) => value === undefined || typeof value === 'function'

/** What plugins of the hub hand over, by reference: as much as can be seen before it is used. */
export const hubPartChecks: Readonly<Record<string, Check>> = {
  assertion: partWith(['sign']),
  sessionLimits: partWith(['ttlMs', 'idleMs']),
  certifiedHttp: partWith(['accept']),
  transports: partWith([], { name, listen: maybe }),
  protocols: partWith(['accept', 'drain'], { name, takes: oneOf('app-hosts', 'alpn') }),
  auditSinks: partWith(['write', 'flush'], {
    name,
    guarantee: oneOf('enforced', 'best-effort'),
    writeIn: maybe,
  }),
  webRoutes: partWith(['routes'], { name, prefix: (value) => typeof value === 'string' }),
  migrations: partWith([], { owner: name, migrations: (value) => Object(value) === value }),
  diagnosticsRoutes: partWith(['respond'], {
    path: (value) => typeof value === 'string' && value.startsWith('/'),
  }),
  signInMethods: partWith(['choices'], { name }),
}
