import type { AccessQuery, App, Vote } from '@mezite/core'
import type { AccessRequest, RoleReader, RuledRole } from '@mezite/core/types'
import { ReadRequest } from './operations/read-request.ts'
import type { Origin, OriginRule } from './origins.ts'
import { compileRule, placesOf, type RequestRule, type Verdict } from './request-rule.ts'
import { type Compiled, cast, indexOf, RULE, type Sides, verdictOf } from './verdict.ts'

/** What a set of roles says about an app. */
interface Known {
  /** Roles that allow the app from some addresses only. */
  readonly bound: readonly Bound[]
  /** By which of `bound` allow; null: requests are not looked at. */
  readonly compiled: Map<string, Compiled | null | 'elsewhere'>
}

interface Bound {
  readonly role: string
  /** The member of the role that says from where. */
  readonly member: string
  readonly origin: Origin
}

/** Votes about requests by the rules of roles. */
export interface RuleSet {
  vote(query: AccessQuery, vote: Vote): void
  /** Why these roles deny a request to the app, from wherever it comes; null: they do not. */
  denialOf(roles: readonly string[], app: App, request: AccessRequest): Verdict['denial'] | 'role_missing'
}

/**
 * `revision` is the number of the last change of access data. Compiles the rules for each set of roles and app when they are first
 * needed, and forgets them with the next change of access data. Nothing is kept by path: the paths of strangers are without number.
 */
export function createRuleSet(
  reader: RoleReader,
  { revision, origins }: { readonly revision: () => number; readonly origins: readonly OriginRule[] },
): RuleSet {
  let known = new WeakMap<readonly string[], Map<App, Known>>()
  let ruled: ReturnType<typeof placesOf> = []
  let allBound: readonly Bound[] = []
  let at = Number.NaN
  const rules = new WeakMap<RuledRole['value'], RequestRule>()

  /** Forgets what was compiled for an earlier state of the roles. */
  function refresh(now: number): void {
    ruled = placesOf(reader.ruled(RULE))
    allBound = origins.flatMap(({ rule, all }) =>
      [...all()].map(([role, origin]) => ({ role, member: rule.name, origin })),
    )
    known = new WeakMap()
    at = now
  }

  function ruleOf(one: (typeof ruled)[number]): RequestRule {
    const found = rules.get(one.of.value) ?? compileRule(one.of, one.at)
    rules.set(one.of.value, found)
    return found
  }

  function boundOf(roles: readonly string[], app: App): readonly Bound[] {
    return roles.flatMap((role) =>
      allBound.filter((one) => one.role === role && reader.reach([role], app).allowed),
    )
  }

  /** Null: the roles have no rules for the app, so that requests are not looked at. `excluded`: roles that do not allow from here. */
  function compile(
    roles: readonly string[],
    app: App,
    excluded: readonly string[],
  ): Compiled | null | 'elsewhere' {
    const allowing = roles.filter((role) => !excluded.includes(role) && reader.reach([role], app).allowed)
    if (allowing.length === 0 && excluded.length > 0) return 'elsewhere'
    const own = ruled.filter(({ of }) => roles.includes(of.role))
    if (own.length === 0) return null
    const about = own.filter(({ of }) => of.value.app_labels === undefined || of.matches(app))
    // Whom no role lets in, rbac has denied for that.
    if (allowing.length === 0) return null
    const withRules = new Set(own.filter(({ of }) => of.under === 'allow').map(({ of }) => of.role))
    const whole = allowing.find((role) => !withRules.has(role)) ?? null
    const deny = about.filter(({ of }) => of.under === 'deny').map(ruleOf)
    const allow = about.filter(({ of }) => of.under === 'allow' && allowing.includes(of.role)).map(ruleOf)
    if (whole !== null && deny.length === 0 && allow.length === 0) return null
    const sidesOf = (method: string | null): Sides => {
      const takes = ({ methods }: RequestRule) =>
        methods === null || (method !== null && methods.includes(method))
      return { deny: indexOf(deny.filter(takes)), allow: indexOf(allow.filter(takes)) }
    }
    const named = [...new Set([...deny, ...allow].flatMap(({ methods }) => methods ?? []))]
    return {
      whole,
      byMethod: new Map(named.map((method) => [method, sidesOf(method)])),
      otherMethods: sidesOf(null),
    }
  }

  function knownOf(roles: readonly string[], app: App): Known {
    let apps = known.get(roles)
    if (apps === undefined) {
      apps = new Map()
      known.set(roles, apps)
    }
    let here = apps.get(app)
    if (here === undefined) {
      here = { bound: boundOf(roles, app), compiled: new Map() }
      apps.set(app, here)
    }
    return here
  }

  function compiledOf(here: Known, roles: readonly string[], app: App, excluded: readonly string[]) {
    const key = excluded.join(' ')
    let compiled = here.compiled.get(key)
    if (compiled === undefined) {
      compiled = compile(roles, app, excluded)
      here.compiled.set(key, compiled)
    }
    return compiled
  }

  return {
    denialOf(roles, app, request) {
      const now = revision()
      if (now !== at) refresh(now)
      const { allowed, denied } = reader.reach(roles, app)
      if (!allowed || denied) return 'role_missing'
      const compiled = compiledOf(knownOf(roles, app), roles, app, [])
      return compiled === null || compiled === 'elsewhere'
        ? null
        : verdictOf(compiled, request, undefined).denial
    },
    vote(query, vote) {
      const { app } = query
      const { roles } = query.subject
      const now = revision()
      if (now !== at) refresh(now)
      if (ruled.length === 0 && allBound.length === 0) return
      const here = knownOf(roles, app)
      const { clientIp } = query.context
      // Nobody connects in an explanation.
      const elsewhere = clientIp === null ? [] : here.bound.filter(({ origin }) => !origin.has(clientIp))
      const excluded = elsewhere.map(({ role }) => role)
      const compiled = compiledOf(here, roles, app, excluded)
      for (const { role, member } of here.bound)
        vote.explain?.({ role, effect: 'none', matcher: member, label: 'address', value: clientIp })
      if (compiled === 'elsewhere') {
        vote.rule(`${elsewhere[0]?.role}/${elsewhere[0]?.member}`)
        return void vote.deny('address_not_allowed')
      }
      const rules = compiled
      // An agent and its person are asked one after the other, and lists have what both may.
      const half = query.subject.actsFor === undefined ? 'own' : 'agent'
      if (rules !== null)
        vote.byRequest(
          (request) => {
            const read = request?.operations
            if (!(read instanceof ReadRequest)) return verdictOf(rules, request, vote.explain)
            read.mayDo[half] = (operation) =>
              verdictOf(rules, asking(request as AccessRequest, operation)).denial === null
            return verdictOf(rules, request, vote.explain, (names) => (read.recorded = names))
          },
          (verdict) => cast(verdict, vote),
        )
    },
  }
}

/** The same request with another operation. */
const asking = (
  { method, path, query, webSocket, segments, readings, operations }: AccessRequest,
  operation: string,
): AccessRequest => ({
  ...{ method, path, query, webSocket, segments, readings },
  operations: { protocol: operations?.protocol ?? '', names: [operation], fault: null, record: {} },
})
