import type { AccessQuery, App, Vote } from '@mezite/core'
import type { RoleReader, RuledRole } from '@mezite/core/types'
import type { Origin, OriginRule } from './origins.ts'
import { withoutEnd } from './path-pattern.ts'
import {
  compileRule,
  methodsOf,
  placesOf,
  type Query,
  queryOf,
  type RequestRule,
  type Verdict,
} from './request-rule.ts'

/** The member of roles. */
export const RULE = 'app_rules'

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

/** The rules that a set of roles has for an app. */
interface Compiled {
  /** A role without rules, which allows the whole app; null: there is none. */
  readonly whole: string | null
  /** By the methods that rules name. */
  readonly byMethod: ReadonlyMap<string, Sides>
  /** For every other method. */
  readonly otherMethods: Sides
}

interface Sides {
  readonly deny: Index
  readonly allow: Index
}

/** Rules by the first segment of the paths that they are about, because most rules are about other paths. */
interface Index {
  readonly byFirst: ReadonlyMap<string, readonly Entry[]>
  /** Of patterns that begin with a wildcard. */
  readonly others: readonly Entry[]
}

interface Entry {
  readonly rule: RequestRule
  fits(segments: readonly string[]): boolean
}

/** Votes about requests by the rules of roles. */
export interface RuleSet {
  vote(query: AccessQuery, vote: Vote): void
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
      if (rules !== null)
        vote.byRequest(
          (request) => verdictOf(rules, request, vote.explain),
          (verdict) => cast(verdict, vote),
        )
    },
  }
}

/** A request while its rules are compared, on the path of every request of an app with rules: loops without closures. */
class Trial {
  /** The strictest so far; null while no rule is about the request. */
  verdict: Verdict | null = null
  readonly #text: string
  #query: Query | undefined
  readonly #explain: Vote['explain']

  constructor(query: string, explain: Vote['explain']) {
    this.#text = query
    this.#explain = explain
  }

  /** Decides one way in which the app may take the request. */
  decide({ whole, byMethod, otherMethods }: Compiled, method: string, segments: readonly string[]): void {
    const { deny, allow } = byMethod.get(method) ?? otherMethods
    const first = segments[0] ?? ''
    this.#compare(deny.byFirst.get(first), method, segments)
    this.#compare(deny.others, method, segments)
    const named = this.#compare(allow.byFirst.get(first), method, segments)
    const other = this.#compare(allow.others, method, segments)
    if (named || other) return
    this.#take(whole === null ? UNNAMED : WHOLE)
    this.#explain?.({
      role: whole,
      effect: whole === null ? 'deny' : 'allow',
      matcher: whole === null ? 'request_not_allowed' : 'the whole app',
      ...shown(method, segments),
    })
  }

  /** Whether one of the rules is about the request. */
  #compare(entries: readonly Entry[] | undefined, method: string, segments: readonly string[]): boolean {
    if (entries === undefined) return false
    let isAbout = false
    for (const { rule, fits } of entries) {
      if (!fits(segments)) continue
      if (rule.query !== null) {
        this.#query ??= queryOf(this.#text)
        if (!rule.query(this.#query)) continue
      }
      isAbout = true
      this.#take(rule.verdict)
      this.#explain?.({
        role: rule.role,
        effect: rule.under,
        matcher: `${RULE}: ${rule.name}`,
        ...shown(method, segments),
      })
    }
    return isAbout
  }

  /** Keeps the stricter one, and of equal ones the first that names a rule. */
  #take(other: Verdict): void {
    const { verdict } = this
    if (verdict === null || isStricter(other, verdict)) this.verdict = other
  }
}

function isStricter(one: Verdict, other: Verdict): boolean {
  if (one.denial !== other.denial) return other.denial === null
  if (one.withinMs !== other.withinMs) return one.withinMs < other.withinMs
  return one.rule !== null && other.rule === null
}

/** What a line of an explanation is about. */
const shown = (method: string, segments: readonly string[]) => ({
  label: 'request',
  value: `${method} /${segments.join('/')}`,
})

const UNNAMED: Verdict = { rule: null, denial: 'request_not_allowed', withinMs: Number.POSITIVE_INFINITY }
const AMBIGUOUS: Verdict = { ...UNNAMED, denial: 'path_ambiguous' }
const WHOLE: Verdict = { ...UNNAMED, denial: null }

function verdictOf(compiled: Compiled, request: AccessQuery['request'], explain: Vote['explain']): Verdict {
  // A list of apps, or a program that asks for a token: each of its requests is decided.
  if (request === null) return WHOLE
  const { readings } = request
  if (readings === null) {
    const value = `${request.method} ${request.path}`
    explain?.({ role: null, effect: 'deny', matcher: AMBIGUOUS.denial, label: 'request', value })
    return AMBIGUOUS
  }
  const trial = new Trial(request.query, explain)
  // An app may take the request for several methods: it must be allowed with each.
  const methods = methodsOf(request)
  for (const reading of readings) {
    const segments = withoutEnd(reading)
    for (const method of methods) trial.decide(compiled, method, segments)
  }
  return trial.verdict ?? UNNAMED
}

function cast({ rule, denial, withinMs }: Verdict, vote: Vote): void {
  if (rule !== null) vote.rule(rule)
  if (denial === 'path_ambiguous') {
    const message = 'Servers would read the address of this request in different ways.'
    vote.deny(denial, { status: 400, message })
  } else if (denial !== null) vote.deny(denial)
  else if (withinMs !== Number.POSITIVE_INFINITY)
    vote.require({ name: 'recent-confirmation', maxAgeMs: withinMs })
}

function indexOf(rules: readonly RequestRule[]): Index {
  const entries = rules.flatMap((rule) =>
    rule.patterns.map(({ first, fits }) => ({ first, entry: { rule, fits } })),
  )
  const byFirst = new Map<string, Entry[]>()
  for (const { first, entry } of entries)
    if (first !== null) byFirst.set(first, [...(byFirst.get(first) ?? []), entry])
  return { byFirst, others: entries.filter(({ first }) => first === null).map(({ entry }) => entry) }
}
