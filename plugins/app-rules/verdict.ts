import type { AccessQuery, Vote } from '@mezite/core'
import { withoutEndSlash } from '@mezite/core/identity'
import { methodsOf, type Query, queryOf, type RequestRule, type Verdict } from './request-rule.ts'

/** The member of roles. */
export const RULE = 'app_rules'

/** The rules that a set of roles has for an app. */
export interface Compiled {
  /** A role without rules, which allows the whole app; null: there is none. */
  readonly whole: string | null
  /** By the methods that rules name. */
  readonly byMethod: ReadonlyMap<string, Sides>
  /** For every other method. */
  readonly otherMethods: Sides
}

export interface Sides {
  readonly deny: Index
  readonly allow: Index
}

/** Rules by the first segment of the paths that they are about, because most rules are about other paths. */
export interface Index {
  readonly byFirst: ReadonlyMap<string, readonly Entry[]>
  /** Of patterns that begin with a wildcard. */
  readonly others: readonly Entry[]
}

interface Entry {
  readonly rule: RequestRule
  fits(segments: readonly string[]): boolean
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
  // A signature is a confirmation of this very request, so it is stricter than any that is fresh.
  if (one.signer !== other.signer) return one.signer === 'other' || other.signer === null
  if (one.withinMs !== other.withinMs) return one.withinMs < other.withinMs
  return one.rule !== null && other.rule === null
}

/** What a line of an explanation is about. */
const shown = (method: string, segments: readonly string[]) => ({
  label: 'request',
  value: `${method} /${segments.join('/')}`,
})

const UNNAMED: Verdict = {
  rule: null,
  denial: 'request_not_allowed',
  withinMs: Number.POSITIVE_INFINITY,
  signer: null,
}
const AMBIGUOUS: Verdict = { ...UNNAMED, denial: 'path_ambiguous' }
const WHOLE: Verdict = { ...UNNAMED, denial: null }

/** The verdict about a request, whatever the app takes it for. */
export function verdictOf(
  compiled: Compiled,
  request: AccessQuery['request'],
  explain: Vote['explain'],
): Verdict {
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
    const segments = withoutEndSlash(reading)
    for (const method of methods) trial.decide(compiled, method, segments)
  }
  return trial.verdict ?? UNNAMED
}

/** Votes as the verdict says. */
export function cast({ rule, denial, withinMs, signer }: Verdict, vote: Vote): void {
  if (rule !== null) vote.rule(rule)
  if (denial === 'path_ambiguous') {
    const message = 'Servers would read the address of this request in different ways.'
    vote.deny(denial, { status: 400, message })
  } else if (denial !== null) vote.deny(denial)
  // Without the plugin signed-intent, this vote fails, and so denies.
  else if (signer !== null) vote.require({ name: 'signed-intent', perRequest: true, signer })
  else if (withinMs !== Number.POSITIVE_INFINITY)
    vote.require({ name: 'recent-confirmation', maxAgeMs: withinMs })
}

/** Rules ready to be found. */
export function indexOf(rules: readonly RequestRule[]): Index {
  const entries = rules.flatMap((rule) =>
    rule.patterns.map(({ first, fits }) => ({ first, entry: { rule, fits } })),
  )
  const byFirst = new Map<string, Entry[]>()
  for (const { first, entry } of entries)
    if (first !== null) byFirst.set(first, [...(byFirst.get(first) ?? []), entry])
  return { byFirst, others: entries.filter(({ first }) => first === null).map(({ entry }) => entry) }
}
