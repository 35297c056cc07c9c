import { createRateLimit } from '@mezite/core/protocol'
import { fakeClock, testQuery } from '@mezite/core/testing'
import type { UnidentifiedRequest, Verification } from '@mezite/core/types'
import { readingsOf } from '../../../core/gate/access/path-readings.ts'
import { checkConfig } from '../../../core/kernel/config-check.ts'
import { AppPublicPaths, type Rule } from '../../../plugins/public-paths/rules.ts'
import { createVerifier } from '../../../plugins/public-paths/verifier.ts'

export const NOW = 1_700_000_000
export const SECRETS = new Map([
  ['github', "It's a Secret to Everybody"],
  ['slack', '8f742231b10e8888abcd99yyyzzz85a5'],
  ['standard', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  ['stripe', 'whsec_test_0123456789abcdef'],
  ['gitlab', 'a token of gitlab'],
  ['short', 'whsec_AAAA'],
])

export const AUTHORITIES = new Map([
  ['partners', { pems: Object.freeze(['the root of partners']), validTo: (NOW + 60) * 1_000 }],
  ['ended', { pems: Object.freeze(['an old root']), validTo: (NOW - 60) * 1_000 }],
])

/** A verifier with these rules, at `NOW` unless said otherwise. `once`: whether a copy of a request is one, for the rules that refuse it. */
export function open(rules: readonly object[], now = NOW * 1_000, once = true) {
  const clock = fakeClock(now)
  const { value, problems } = checkConfig(AppPublicPaths, { rules })
  if (problems.length > 0) throw new Error(problems[0]!.message)
  const { app } = testQuery({ app: { plugins: { 'public-paths': { rules } } } })
  const proxied = new Set<string>()
  const seen = new Map<string, number>()
  const compiled = (value as { rules: readonly Rule[] }).rules
  const verifier = createVerifier('public-paths', {
    rulesOf: () => compiled,
    secrets: SECRETS,
    authorities: AUTHORITIES,
    proxied,
    rates: createRateLimit(clock),
    uses: {
      isFirst: async (hash, ms) => {
        if (!once) return true
        const isFirst = (seen.get(hash) ?? 0) <= clock.now()
        if (isFirst) seen.set(hash, clock.now() + ms)
        return isFirst
      },
    },
    clock,
    log: { error() {} } as never,
  })
  const request = (
    target: string,
    headers: readonly string[] = [],
    more: Partial<UnidentifiedRequest> = {},
  ): UnidentifiedRequest => ({
    ...{ app, method: 'POST', target, clientIp: '203.0.113.7', headers, preflightFrom: null },
    readings: readingsOf(target.split('?', 1)[0] as string),
    ...more,
  })
  const outcome = async (found: Verification | null, body = ''): Promise<string> => {
    if (found === null) return 'closed'
    if (found.refuse !== undefined) return found.refuse
    if (found.body === undefined) return 'admitted'
    if (body.length > found.body.limit) return 'too long'
    return (await found.body.check(Buffer.from(body))) ? 'admitted' : 'verification_failed'
  }
  const send = (target: string, headers: readonly string[] = [], body = '', more = {}) =>
    outcome(verifier.verify(request(target, headers, more)), body)
  return { app, proxied, clock, compiled, request, send, verifier }
}

export const HOOK = { name: 'hook', methods: ['POST'], paths: ['/hook'] }
export const hmac = (preset: string, secret: string, more = {}) => ({
  ...HOOK,
  verify: { hmac: { preset, secret, ...more } },
})
