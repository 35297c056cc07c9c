import { messageOf, parseDuration, Type } from '@mezite/core'
import {
  compilePathPattern,
  createNetworks,
  isNetwork,
  type Networks,
  pathPatternFault,
} from '@mezite/core/identity'
import { headerOwner } from '@mezite/core/protocol'
import type { PathPattern } from '@mezite/core/types'
import { MOST_BYTES, RuleForm, type RuleValue, type SignatureValue } from './rule-form.ts'
import { GENERAL, hasTime, PRESETS, type SignatureForm } from './signature.ts'

/** Proves that a request comes from a sender. */
export type Check =
  | {
      readonly kind: 'signature'
      /** Name of the preset, or `hmac`. */
      readonly shown: string
      readonly form: SignatureForm
      readonly secrets: readonly string[]
      readonly toleranceMs: number
      /** How long a copy of a request is refused; 0: it is not. */
      readonly replayMs: number
      readonly bodyBytes: number
    }
  | { readonly kind: 'networks'; readonly networks: Networks; readonly shown: string }
  | {
      readonly kind: 'secret'
      readonly shown: string
      /** In lower case. */
      readonly header: string
      readonly secrets: readonly string[]
      /** Whether the app does not see the header. */
      readonly hidden: boolean
    }
  | {
      readonly kind: 'certificate'
      readonly shown: string
      /** Name of the authority. */
      readonly ca: string
      readonly names: readonly string[]
    }
  | { readonly kind: 'anyone'; readonly shown: 'anyone' }

/** A rule of an app, ready to compare. */
export interface Rule {
  readonly name: string
  readonly methods: readonly string[]
  readonly paths: readonly string[]
  readonly patterns: readonly PathPattern[]
  readonly check: Check
  readonly perMinute: number
}

const DEFAULT_TOLERANCE = '5m'

const Rules = Type.Array(RuleForm, {
  maxItems: 50,
  description: 'The first rule whose path and method fit, and whose proof the request has, decides',
})

/** The rules of an app in its document; the plugin gets compiled ones. A fault that the schema cannot say refuses the document, too. */
export const AppPublicPaths = Type.Closed({
  rules: Object.assign(Rules, {
    decode: (values: unknown) => compileRules(values as readonly RuleValue[]),
  }) as unknown as ReturnType<typeof Type.Unsafe<readonly Rule[]>>,
})

function compileRules(values: readonly RuleValue[]): readonly Rule[] {
  const rules = values.map((value) => {
    try {
      return compileRule(value)
    } catch (error) {
      throw new Error(`rule ${value.name}: ${messageOf(error)}`)
    }
  })
  // TLS verifies a certificate before the hub knows the path.
  const [first, other] = new Set(rules.flatMap(({ check }) => (check.kind === 'certificate' ? check.ca : [])))
  if (other !== undefined)
    throw new Error(`the rules name the authorities ${first} and ${other}; the hosts of an app ask for one`)
  return rules
}

function compileRule({ name, methods, paths, verify, rate = '600/m' }: RuleValue): Rule {
  for (const path of paths) {
    const fault = pathPatternFault(path)
    if (fault !== null) throw new Error(`${path}: ${fault}`)
    if (verify === 'anyone' && compilePathPattern(path).first === null)
      throw new Error(`${path}: a path for anyone begins with a segment without *`)
  }
  const [count = '', unit] = rate.split('/')
  return Object.freeze({
    ...{ name, methods, paths },
    patterns: paths.map(compilePathPattern),
    check: Object.freeze(checkOf(verify)),
    perMinute: Number(count) * (unit === 's' ? 60 : 1),
  })
}

function checkOf(verify: RuleValue['verify']): Check {
  if (verify === 'anyone') return { kind: 'anyone', shown: 'anyone' }
  if ('networks' in verify) {
    const wrong = verify.networks.find((one) => !isNetwork(one))
    if (wrong !== undefined) throw new Error(`${wrong} is not a network such as 192.0.2.0/24`)
    return { kind: 'networks', networks: createNetworks(verify.networks), shown: verify.networks.join(' ') }
  }
  if ('hmac' in verify) return signatureCheck(verify.hmac)
  if ('client_certificate' in verify) {
    const { ca, names } = verify.client_certificate
    return { kind: 'certificate', shown: `certificate of ${ca}: ${names.join(' ')}`, ca, names }
  }
  const { header, secret } = verify.secret_header
  return {
    kind: 'secret',
    shown: `secret in ${header}`,
    header: readable(header),
    secrets: [secret].flat(),
    hidden: true,
  }
}

/** Verifiers do not see headers that applications trust, nor credentials. */
function readable(header: string): string {
  const lower = header.toLowerCase()
  if (headerOwner(lower) !== 'anybody' || ['authorization', 'cookie', 'origin'].includes(lower))
    throw new Error(`${header} cannot prove a sender; take a header that has no other meaning`)
  return lower
}

function signatureCheck(value: SignatureValue): Check {
  const { preset, header, secret, tolerance, replay, max_body: bodyBytes = MOST_BYTES, ...own } = value
  if ((preset === undefined) === (header === undefined))
    throw new Error('hmac has either a preset or a header')
  const given = Object.keys(own)
  if (preset !== undefined && given.length > 0)
    throw new Error(`the preset ${preset} says ${given.join(', ')}; leave them out`)
  const secrets = [secret].flat()
  if (preset === 'gitlab') {
    if (tolerance !== undefined || replay !== undefined || value.max_body !== undefined)
      throw new Error('GitLab sends its secret itself, so there is no tolerance, replay or max_body')
    return { kind: 'secret', shown: 'gitlab', header: 'x-gitlab-token', secrets, hidden: false }
  }
  const form = preset === undefined ? generalForm(header as string, own) : PRESETS[preset]
  const isTimed = hasTime(form)
  if (!isTimed && tolerance !== undefined) throw new Error('tolerance needs a signature with a time')
  const toleranceMs = within(tolerance ?? DEFAULT_TOLERANCE, 10_000, 3_600_000, 'tolerance', '10s to 1h')
  const kept = isTimed ? 2 * toleranceMs : 0
  const replayMs = replay === undefined ? kept : within(replay, 0, 24 * 3_600_000, 'replay', '0 to 24h')
  if (isTimed && replayMs < kept) throw new Error('replay is at least twice tolerance')
  return { kind: 'signature', shown: preset ?? 'hmac', form, secrets, toleranceMs, replayMs, bodyBytes }
}

function generalForm(
  header: string,
  { timestamp_header: time, signed = '{body}', ...own }: Partial<SignatureValue>,
): SignatureForm {
  const { algorithm = 'sha256', encoding = 'hex', prefix = '' } = own
  if ((time !== undefined) !== signed.includes('{timestamp}'))
    throw new Error('timestamp_header and {timestamp} in signed need each other')
  const timestampHeader = time === undefined ? null : readable(time)
  return { ...GENERAL, header: readable(header), algorithm, encoding, prefix, timestampHeader, signed }
}

function within(text: string, least: number, most: number, what: string, range: string): number {
  const ms = parseDuration(text)
  if (ms === null || ms < least || ms > most) throw new Error(`${what} must be from ${range}`)
  return ms
}
