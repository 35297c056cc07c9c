import { parseDuration } from '@mezite/core'
import { compilePathPattern, pathPatternFault } from '@mezite/core/identity'
import type { AccessRequest, PathPattern, RoleFault, RuledRole } from '@mezite/core/types'
import {
  compileOperations,
  type OperationRule,
  type OperationsValue,
  operationFaults,
  type Protocol,
} from './operations/operation-rule.ts'

/** An entry of `app_rules`, as the schema has accepted it. */
export interface RuleValue {
  readonly name?: string
  readonly methods: readonly string[]
  readonly paths: readonly string[]
  readonly upgrade?: 'websocket'
  readonly query?: { readonly has?: readonly string[]; readonly equals?: Readonly<Record<string, string>> }
  readonly operations?: OperationsValue
  readonly require?: {
    readonly confirm_within?: string
    readonly signature?: true
    readonly signer?: 'other'
  }
}

/** What the rules say about a request; the same object for each request that a rule decides. */
export interface Verdict {
  /** The name of the rule; null if none decides. */
  readonly rule: string | null
  readonly denial:
    | 'request_not_allowed'
    | 'path_ambiguous'
    | 'operation_not_allowed'
    | 'operation_unreadable'
    | null
  /** How the hub must read the request before it can decide; null: it has decided. */
  readonly reads: Protocol | null
  /** How fresh the confirmation must be; `Infinity`: none is needed. */
  readonly withinMs: number
  /** Whose signature the request needs; null: none. */
  readonly signer: 'self' | 'other' | null
}

/** A rule, ready to compare. */
export interface RequestRule {
  readonly role: string
  readonly under: 'allow' | 'deny'
  /** The role and its name there, or its place: `dev/read`, `dev/deny.2`. */
  readonly name: string
  /** The verdict about a request that this rule decides. */
  readonly verdict: Verdict
  readonly patterns: readonly PathPattern[]
  /** Methods that it is about; null: all of them. The opening of a WebSocket is `OPENING`. */
  readonly methods: readonly string[] | null
  /** Whether the query is one that it is about; null: every one is. */
  readonly query: ((query: Query) => boolean) | null
  /** Operations that it is about; null: it does not look at them. */
  readonly operations: OperationRule | null
}

/** The parameters of a query, by name, in every reading: separated by `&`, and by `;` too. */
export interface Query {
  readonly plain: URLSearchParams
  readonly split: URLSearchParams
}

/** Stands for the method of the opening of a WebSocket, which is a GET: no method has small letters here. */
const OPENING = 'websocket'
const METHOD = /^[A-Z][A-Z-]{0,31}$/
const SHORTEST_MS = 10_000
const LONGEST_MS = 24 * 3_600_000

/** What the schema cannot say. */
export function ruleFaults(
  given: Readonly<Record<string, unknown>>,
  under: 'allow' | 'deny',
): readonly RoleFault[] {
  const { methods, paths, upgrade, operations, require: demand } = given as unknown as RuleValue
  const faults: RoleFault[] = []
  methods.forEach((method, at) => {
    if (method !== '*' && !METHOD.test(method))
      faults.push({ path: ['methods', String(at)], message: 'must be a method such as GET, or "*"' })
  })
  if (upgrade !== undefined && !methods.some((method) => method === '*' || method === 'GET'))
    faults.push({ path: ['upgrade'], message: 'a WebSocket is opened with GET: methods must have it' })
  paths.forEach((path, at) => {
    const fault = pathPatternFault(path)
    if (fault !== null) faults.push({ path: ['paths', String(at)], message: fault })
  })
  if (operations !== undefined) {
    faults.push(...operationFaults(operations, under))
    if (upgrade !== undefined)
      faults.push({ path: ['operations'], message: 'the operations of a WebSocket cannot be read' })
  }
  if (demand === undefined) return faults
  if (under === 'deny') faults.push({ path: ['require'], message: 'a rule under deny has no requirement' })
  const { confirm_within: within, signature, signer } = demand
  if (signature === true) {
    if (within !== undefined)
      faults.push({ path: ['require', 'confirm_within'], message: 'a signature is a fresh confirmation' })
    if (upgrade !== undefined)
      faults.push({ path: ['require', 'signature'], message: 'a WebSocket cannot be signed' })
    return faults
  }
  if (signer !== undefined) faults.push({ path: ['require', 'signer'], message: 'needs signature: true' })
  const ms = parseDuration(within ?? '')
  if (ms === null || ms < SHORTEST_MS || ms > LONGEST_MS)
    faults.push({ path: ['require', 'confirm_within'], message: 'must be from 10s to 24h' })
  return faults
}

/** Rules with the place of each in the list of its role, from 1. */
export function placesOf(
  ruled: readonly RuledRole[],
): readonly { readonly of: RuledRole; readonly at: number }[] {
  const seen = new Map<string, number>()
  return ruled.map((of) => {
    const list = `${of.role}/${of.under}`
    const at = (seen.get(list) ?? 0) + 1
    seen.set(list, at)
    return { of, at }
  })
}

/** Compiles a rule that `ruleFaults` has accepted; `at` is its place in the list, from 1. */
export function compileRule({ role, under, value }: RuledRole, at: number): RequestRule {
  const { name, methods, paths, query, upgrade, operations, require: demand } = value as unknown as RuleValue
  const ruleName = `${role}/${name ?? `${under}.${at}`}`
  const every = methods.includes('*') && upgrade === undefined
  // A server that ignores the upgrade responds to the GET.
  const openings = upgrade !== undefined || (under === 'deny' && methods.includes('GET'))
  return {
    role,
    under,
    name: ruleName,
    methods: every ? null : [...(upgrade === undefined ? methods : []), ...(openings ? [OPENING] : [])],
    verdict: {
      rule: ruleName,
      denial:
        under === 'allow' ? null : operations === undefined ? 'request_not_allowed' : 'operation_not_allowed',
      reads: null,
      withinMs: parseDuration(demand?.confirm_within ?? '') ?? Number.POSITIVE_INFINITY,
      signer: demand?.signature === true ? (demand.signer ?? 'self') : null,
    },
    patterns: paths.map(compilePathPattern),
    operations: operations === undefined ? null : compileOperations(operations, under),
    query:
      query === undefined
        ? null
        : (parameters) => (under === 'deny' ? mayFit(query, parameters) : fits(query, parameters)),
  }
}

/** Whether every reading of the query has what the rule wants, and nothing else under these names. */
function fits({ has = [], equals = {} }: NonNullable<RuleValue['query']>, { plain, split }: Query): boolean {
  return [plain, split].every(
    (query) =>
      has.every((name) => query.has(name)) &&
      Object.entries(equals).every(([name, value]) => {
        const all = query.getAll(name)
        return all.length > 0 && all.every((one) => one === value)
      }),
  )
}

/** Whether some reading of the query has what the rule denies: applications take the first or the last of two values. */
function mayFit(
  { has = [], equals = {} }: NonNullable<RuleValue['query']>,
  { plain, split }: Query,
): boolean {
  return [plain, split].some(
    (query) =>
      has.every((name) => query.has(name)) &&
      Object.entries(equals).every(([name, value]) => query.getAll(name).includes(value)),
  )
}

const OPENINGS = [OPENING]

/**
 * The methods that an app may take a request for: its own, `OPENING` for the opening of a WebSocket instead, and what `_method` in the query of a
 * POST says. The hub removes the headers that replace a method.
 */
export function methodsOf({ method, webSocket, query }: AccessRequest): readonly string[] {
  if (webSocket) return OPENINGS
  if (method !== 'POST' || query === '') return [method]
  const { plain, split } = queryOf(query)
  const meant = [...plain.getAll('_method'), ...split.getAll('_method')]
  return [method, ...meant.map((one) => one.toUpperCase())]
}

/** Reads a query, without the question mark. */
export const queryOf = (text: string): Query => ({
  plain: new URLSearchParams(text),
  split: new URLSearchParams(text.replaceAll(';', '&')),
})
