import type { AccessQuery, Vote } from '@mezite/core'
import { withoutEndSlash } from '@mezite/core/identity'
import type { AccessRequest, RequestOperations } from '@mezite/core/types'
import type { OperationRule, Protocol } from './operations/operation-rule.ts'
import { methodsOf, type Query, queryOf, type RequestRule, type Verdict } from './request-rule.ts'

/** The member of roles. */
export const RULE = 'app_rules'
/** The requirement that the hub reads what a request asks for. */
export const OPERATION = 'operation'

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
  /** Names of arguments that rules want in records; null: none. */
  recorded: Set<string> | null = null
  readonly #request: AccessRequest
  /** Each is decided by itself; one that is null if there are none. */
  readonly #operations: readonly (string | null)[]
  #query: Query | undefined
  readonly #explain: Vote['explain']

  constructor(request: AccessRequest, explain: Vote['explain']) {
    this.#request = request
    this.#operations = operationsOf(request.operations)
    this.#explain = explain
  }

  /** Decides one way in which the app may take the request. */
  decide(compiled: Compiled, method: string, segments: readonly string[]): void {
    for (const operation of this.#operations) this.#decideOne(compiled, method, segments, operation)
  }

  #decideOne(
    { whole, byMethod, otherMethods }: Compiled,
    method: string,
    segments: readonly string[],
    operation: string | null,
  ): void {
    const { deny, allow } = byMethod.get(method) ?? otherMethods
    const first = segments[0] ?? ''
    this.#compare(deny.byFirst.get(first), method, segments, operation)
    this.#compare(deny.others, method, segments, operation)
    const named = this.#compare(allow.byFirst.get(first), method, segments, operation)
    const other = this.#compare(allow.others, method, segments, operation)
    if (named || other) return
    const otherwise = operation === null ? UNNAMED : UNNAMED_OPERATION
    this.#take(whole === null ? otherwise : WHOLE)
    this.#explain?.({
      role: whole,
      effect: whole === null ? 'deny' : 'allow',
      matcher: whole === null ? otherwise.denial : 'the whole app',
      ...shown(method, segments, operation),
    })
  }

  /** Whether one of the rules is about the request. */
  #compare(
    entries: readonly Entry[] | undefined,
    method: string,
    segments: readonly string[],
    operation: string | null,
  ): boolean {
    if (entries === undefined) return false
    let isAbout = false
    for (const { rule, fits } of entries) {
      if (!fits(segments)) continue
      if (rule.query !== null) {
        this.#query ??= queryOf(this.#request.query)
        if (!rule.query(this.#query)) continue
      }
      const { operations } = rule
      if (operations !== null) {
        const unread = this.#unread(operations)
        if (unread !== null) {
          this.#take(unread)
          // Whether the rule is about the request shows when it has been read.
          isAbout ||= unread.reads !== null
        }
        if (operation === null) continue
        if (!operations.fits(operation)) {
          if (!operations.goesAlong(operation)) continue
          isAbout = true
          this.#take(WHOLE)
          continue
        }
        this.#record(operations)
      }
      isAbout = true
      this.#take(rule.verdict)
      this.#explain?.({
        role: rule.role,
        effect: rule.under,
        matcher: `${RULE}: ${rule.name}`,
        ...shown(method, segments, operation),
      })
    }
    return isAbout
  }

  #record({ record }: OperationRule): void {
    if (record.length === 0) return
    this.recorded ??= new Set()
    for (const name of record) this.recorded.add(name)
  }

  /** Why a rule about operations cannot be compared yet, or never; null: it can. */
  #unread({ protocol }: OperationRule): Verdict | null {
    const { operations, webSocket } = this.#request
    if (webSocket) return UNREADABLE
    if (operations === null) {
      const { verdict } = this
      const other = verdict !== null && verdict.reads !== null && verdict.reads !== protocol
      // Two servers cannot be at one address, so one of the rules is wrong.
      return other ? UNREADABLE : READS[protocol]
    }
    return operations.fault !== null || operations.protocol !== protocol ? UNREADABLE : null
  }

  /** Keeps the stricter one, and of equal ones the first that names a rule. */
  #take(other: Verdict): void {
    const { verdict } = this
    if (verdict === null || isStricter(other, verdict)) this.verdict = other
  }
}

function isStricter(one: Verdict, other: Verdict): boolean {
  if (one.denial !== other.denial) return other.denial === null
  if (one.reads !== other.reads) return other.reads === null
  // A signature is a confirmation of this very request, so it is stricter than any that is fresh.
  if (one.signer !== other.signer) return one.signer === 'other' || other.signer === null
  if (one.withinMs !== other.withinMs) return one.withinMs < other.withinMs
  return one.rule !== null && other.rule === null
}

/** What a line of an explanation is about. */
const shown = (method: string, segments: readonly string[], operation: string | null) => ({
  label: 'request',
  value: `${method} /${segments.join('/')}${operation === null ? '' : ` ${operation}`}`,
})

const NO_OPERATION = [null]

const operationsOf = (read: RequestOperations | null): readonly (string | null)[] =>
  read === null || read.names.length === 0 ? NO_OPERATION : read.names

const UNNAMED: Verdict = {
  rule: null,
  denial: 'request_not_allowed',
  reads: null,
  withinMs: Number.POSITIVE_INFINITY,
  signer: null,
}
const AMBIGUOUS: Verdict = { ...UNNAMED, denial: 'path_ambiguous' }
const WHOLE: Verdict = { ...UNNAMED, denial: null }
const UNNAMED_OPERATION: Verdict = { ...UNNAMED, denial: 'operation_not_allowed' }
const UNREADABLE: Verdict = { ...UNNAMED, denial: 'operation_unreadable' }
const READS: Readonly<Record<Protocol, Verdict>> = {
  mcp: { ...WHOLE, reads: 'mcp' },
  jsonrpc: { ...WHOLE, reads: 'jsonrpc' },
  grpc: { ...WHOLE, reads: 'grpc' },
  graphql: { ...WHOLE, reads: 'graphql' },
}

/** The verdict about a request, whatever the app takes it for. */
export function verdictOf(
  compiled: Compiled,
  request: AccessQuery['request'],
  explain?: Vote['explain'],
  recorded?: (names: ReadonlySet<string>) => void,
): Verdict {
  // A list of apps, or a program that asks for a token: each of its requests is decided.
  if (request === null) return WHOLE
  const { readings } = request
  if (readings === null) {
    const value = `${request.method} ${request.path}`
    explain?.({ role: null, effect: 'deny', matcher: AMBIGUOUS.denial, label: 'request', value })
    return AMBIGUOUS
  }
  const trial = new Trial(request, explain)
  // An app may take the request for several methods: it must be allowed with each.
  const methods = methodsOf(request)
  for (const reading of readings) {
    const segments = withoutEndSlash(reading)
    for (const method of methods) trial.decide(compiled, method, segments)
  }
  if (trial.recorded !== null) recorded?.(trial.recorded)
  return trial.verdict ?? UNNAMED
}

/** Votes as the verdict says. */
export function cast({ rule, denial, reads, withinMs, signer }: Verdict, vote: Vote): void {
  if (rule !== null) vote.rule(rule)
  if (denial === 'path_ambiguous') {
    const message = 'Servers would read the address of this request in different ways.'
    vote.deny(denial, { status: 400, message })
  } else if (denial === 'operation_unreadable') {
    const message = 'The hub cannot read what this request asks the application to do.'
    vote.deny(denial, { status: 400, message })
  } else if (denial !== null) vote.deny(denial)
  else if (reads !== null) vote.require({ name: OPERATION, perRequest: true, protocol: reads })
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
