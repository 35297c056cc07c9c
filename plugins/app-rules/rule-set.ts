import type { AccessQuery, App, Vote } from '@mezite/core'
import type { RoleReader, RuledRole } from '@mezite/core/types'
import { withoutEnd } from './path-pattern.ts'
import { compileRule, methodsOf, type Query, queryOf, type RequestRule } from './request-rule.ts'

/** The member of roles. */
export const RULE = 'app_rules'

/** The rules that a set of roles has for an app; null: none, so that requests are not looked at. */
interface Compiled {
  readonly deny: Index
  readonly allow: Index
  /** A role without rules allows the whole app. */
  readonly whole: boolean
}

/** Votes about requests by the rules of roles. */
export interface RuleSet {
  vote(query: AccessQuery, vote: Vote): void
}

/**
 * `revision` is the number of the last change of access data. Compiles the rules for each set of roles and app when they are first needed, and forgets them with the next change of access data.
 * Nothing is kept by path: the paths of strangers are without number.
 */
export function createRuleSet(reader: RoleReader, revision: () => number): RuleSet {
  let known = new WeakMap<readonly string[], Map<App, Compiled | null>>()
  let at = revision()
  const rules = new WeakMap<RuledRole['value'], RequestRule>()

  function ruleOf(ruled: RuledRole): RequestRule {
    const found = rules.get(ruled.value) ?? compileRule(ruled)
    rules.set(ruled.value, found)
    return found
  }

  function compile(roles: readonly string[], app: App): Compiled | null {
    const ruled = reader.ruled(RULE).filter(({ role }) => roles.includes(role))
    if (ruled.length === 0) return null
    const about = ruled.filter(({ value, matches }) => value.app_labels === undefined || matches(app))
    const allowing = roles.filter((role) => reader.reach([role], app).allowed)
    const under = (side: RuledRole['under']) => ruled.filter((one) => one.under === side)
    const ruledRoles = new Set(under('allow').map(({ role }) => role))
    const whole = allowing.some((role) => !ruledRoles.has(role))
    const deny = about.filter((one) => one.under === 'deny').map(ruleOf)
    const allow = about.filter(({ under, role }) => under === 'allow' && allowing.includes(role)).map(ruleOf)
    // Whom no role lets in, rbac has denied for that.
    if (allowing.length === 0) return null
    if (whole && deny.length === 0 && allow.length === 0) return null
    return { deny: indexOf(deny), allow: indexOf(allow), whole }
  }

  function compiledFor(roles: readonly string[], app: App): Compiled | null {
    const now = revision()
    if (now !== at) [known, at] = [new WeakMap(), now]
    let apps = known.get(roles)
    if (apps === undefined) {
      apps = new Map()
      known.set(roles, apps)
    }
    let found = apps.get(app)
    if (found === undefined) {
      found = compile(roles, app)
      apps.set(app, found)
    }
    return found
  }

  return {
    vote(query, vote) {
      const compiled = compiledFor(query.subject.roles, query.app)
      // Reading the request makes the decision one about this request alone.
      if (compiled !== null) voteOn(compiled, query.request, vote)
    },
  }
}

/** A request while its rules are compared, on the path of every request of an app with rules: loops without closures. */
class Trial {
  isDenied = false
  /** How fresh the confirmation must be; `Infinity`: none is needed. */
  withinMs = Number.POSITIVE_INFINITY
  readonly #text: string
  #query: Query | undefined
  readonly #explain: Vote['explain']

  constructor(query: string, explain: Vote['explain']) {
    this.#text = query
    this.#explain = explain
  }

  /** Decides one way in which the app may take the request. */
  decide({ deny, allow, whole }: Compiled, method: string, segments: readonly string[]): void {
    const first = segments[0] ?? ''
    this.#compare(deny.byFirst.get(first), method, segments)
    this.#compare(deny.others, method, segments)
    const named = this.#compare(allow.byFirst.get(first), method, segments)
    const other = this.#compare(allow.others, method, segments)
    if (whole || named || other) return
    this.isDenied = true
    this.#say(null, 'deny', segments)
  }

  /** Whether one of the rules is about the request. */
  #compare(entries: readonly Entry[] | undefined, method: string, segments: readonly string[]): boolean {
    if (entries === undefined) return false
    let isAbout = false
    for (const { rule, fits } of entries) {
      if (!rule.takes(method) || !fits(segments)) continue
      this.#query ??= rule.query === null ? undefined : queryOf(this.#text)
      if (rule.query !== null && !rule.query(this.#query as Query)) continue
      isAbout = true
      if (rule.under === 'deny') this.isDenied = true
      else if (rule.confirmWithinMs !== null) this.withinMs = Math.min(this.withinMs, rule.confirmWithinMs)
      this.#say(rule, rule.under, segments)
    }
    return isAbout
  }

  #say(rule: RequestRule | null, effect: 'allow' | 'deny', segments: readonly string[]): void {
    this.#explain?.({
      role: rule?.role ?? null,
      effect,
      matcher: rule === null ? 'request_not_allowed' : `${RULE}: ${rule.label}`,
      label: 'path',
      value: `/${segments.join('/')}`,
    })
  }
}

function voteOn(compiled: Compiled, request: AccessQuery['request'], vote: Vote): void {
  // A list of apps, or a program that asks for a token: each of its requests is decided.
  if (request === null) return
  const { readings } = request
  if (readings === null) {
    const message = 'Servers would read the address of this request in different ways.'
    return void vote.deny('path_ambiguous', { status: 400, message })
  }
  const trial = new Trial(request.query, vote.explain)
  // An app may take the request for several methods: it must be allowed with each.
  const methods = methodsOf(request)
  for (const reading of readings) {
    const segments = withoutEnd(reading)
    for (const method of methods) trial.decide(compiled, method, segments)
  }
  if (trial.isDenied) return void vote.deny('request_not_allowed')
  if (trial.withinMs !== Number.POSITIVE_INFINITY)
    vote.require({ name: 'recent-confirmation', withinMs: trial.withinMs })
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

function indexOf(rules: readonly RequestRule[]): Index {
  const entries = rules.flatMap((rule) =>
    rule.patterns.map(({ first, fits }) => ({ first, entry: { rule, fits } })),
  )
  const byFirst = new Map<string, Entry[]>()
  for (const { first, entry } of entries)
    if (first !== null) byFirst.set(first, [...(byFirst.get(first) ?? []), entry])
  return { byFirst, others: entries.filter(({ first }) => first === null).map(({ entry }) => entry) }
}
