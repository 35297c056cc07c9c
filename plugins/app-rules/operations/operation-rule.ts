import { globOf } from '@mezite/core/identity'
import type { RoleFault } from '@mezite/core/types'

/** How the hub reads what a request asks for. */
export type Protocol = 'mcp' | 'jsonrpc' | 'grpc' | 'graphql'

/** `operations` of a rule, as the schema has accepted it. */
export type OperationsValue = { readonly [protocol in Protocol]?: readonly string[] } & {
  readonly record?: readonly string[]
}

/** The operations that a rule is about. */
export interface OperationRule {
  readonly protocol: Protocol
  /** Names of arguments that records contain. */
  readonly record: readonly string[]
  fits(operation: string): boolean
  /** Whether clients send it beside what the rule allows, without which they could not call anything: it needs nothing that the rule requires. */
  goesAlong(operation: string): boolean
}

const PROTOCOLS: readonly Protocol[] = ['mcp', 'jsonrpc', 'grpc', 'graphql']

const PATTERNS: Readonly<Record<Protocol, RegExp>> = {
  mcp: /^(?:[\x21-\x39\x3b-\x7e]+|[\x21-\x29\x2b-\x39\x3b-\x7e]+:[^\p{Cc}]+)$/u,
  jsonrpc: /^[\x21-\x7e]+$/,
  grpc: /^(?:\*|[\w.*]+\/[\w*]+)$/,
  graphql: /^(?:\*|(?:query|mutation|subscription)(?::[\w*]+)?)$/,
}
const EXAMPLES: Readonly<Record<Protocol, string>> = {
  mcp: 'tools/list, tools/call:search_*',
  jsonrpc: 'ledger.read, ledger.*',
  grpc: 'pkg.Service/Method, pkg.Service/*',
  graphql: 'query, mutation:createIssue',
}

/** What the schema cannot say. */
export function operationFaults(value: OperationsValue, under: 'allow' | 'deny'): readonly RoleFault[] {
  const [protocol, ...more] = PROTOCOLS.filter((name) => value[name] !== undefined)
  if (protocol === undefined || more.length > 0)
    return [{ path: ['operations'], message: `needs exactly one of ${PROTOCOLS.join(', ')}` }]
  const faults: RoleFault[] = []
  value[protocol]?.forEach((pattern, at) => {
    if (!PATTERNS[protocol].test(pattern))
      faults.push({
        path: ['operations', protocol, String(at)],
        message: `is not an operation of ${protocol} (examples: ${EXAMPLES[protocol]})`,
      })
  })
  if (value.record !== undefined && (under === 'deny' || protocol === 'grpc'))
    faults.push({ path: ['operations', 'record'], message: 'is for rules under allow about bodies' })
  return faults
}

/** What clients send before and beside their calls; of GraphQL, the name of the type at the root. */
const ALONG: { readonly [protocol in Protocol]?: RegExp } = {
  mcp: /^(?:initialize|ping|server\/discover|notifications\/[\w/]+|response|GET|DELETE)$/,
  graphql: /^(?:query|mutation):__typename$/,
}

/**
 * Compiles operations that `operationFaults` has accepted. Allowed is what is written exactly so; denied also in another spelling, since servers
 * may not look at capitals.
 */
export function compileOperations(value: OperationsValue, under: 'allow' | 'deny'): OperationRule {
  const protocol = PROTOCOLS.find((name) => value[name] !== undefined) as Protocol
  const deny = under === 'deny'
  const tests = (value[protocol] ?? []).map((pattern) => testOf(deny ? folded(pattern) : pattern, protocol))
  const along = deny ? undefined : ALONG[protocol]
  return {
    protocol,
    record: value.record ?? [],
    fits: (operation) => {
      const name = deny ? folded(operation) : operation
      return tests.some((test) => test(name))
    },
    goesAlong: (operation) => along?.test(operation) === true,
  }
}

/** A text without what case-insensitive servers do not tell apart. */
export const folded = (text: string): string => text.normalize('NFKC').toLowerCase()

/** A pattern of MCP or GraphQL without a colon covers whatever follows one. */
function testOf(pattern: string, protocol: Protocol): (operation: string) => boolean {
  const fits = globOf(pattern)
  if (pattern.includes(':') || (protocol !== 'mcp' && protocol !== 'graphql')) return fits
  return (operation) => fits(operation.split(':', 1)[0] as string)
}
