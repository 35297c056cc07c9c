import { parseDuration, Type } from '@mezite/core'
import {
  compilePathPattern,
  createNetworks,
  isNetwork,
  type Networks,
  pathPatternFault,
} from '@mezite/core/identity'
import { headerOwner } from '@mezite/core/protocol'
import type { PathPattern } from '@mezite/core/types'
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

const MOST_BYTES = 1_048_576
const DEFAULT_TOLERANCE = '5m'
const HEADER = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"
const SECRET = '^[a-z0-9][a-z0-9-]{0,62}$'

const SecretNames = Type.Union(
  [
    Type.String({ pattern: SECRET }),
    Type.Array(Type.String({ pattern: SECRET }), { minItems: 1, maxItems: 3 }),
  ],
  {
    must: 'the name of a secret in `plugins.public-paths.secrets`, or up to three of them',
    description: 'Name of a secret of the configuration; a list while the sender moves to another one',
  },
)

const Signature = Type.Closed({
  preset: Type.Optional(
    Type.OneOf([...Object.keys(PRESETS), 'gitlab'] as const, {
      description: 'How a known sender signs. gitlab sends its secret itself',
    }),
  ),
  header: Type.Optional(
    Type.String({ pattern: HEADER, description: 'Header with the signature, of a sender without a preset' }),
  ),
  secret: SecretNames,
  algorithm: Type.Optional(
    Type.OneOf(['sha1', 'sha256', 'sha384', 'sha512'], { description: 'Default: sha256' }),
  ),
  encoding: Type.Optional(Type.OneOf(['hex', 'base64'], { description: 'Default: hex' })),
  prefix: Type.Optional(
    Type.String({
      maxLength: 32,
      pattern: '^[!-~]*$',
      description: 'Text before the signature, such as `sha256=`',
    }),
  ),
  timestamp_header: Type.Optional(
    Type.String({ pattern: HEADER, description: 'Header with the time of the signature, in seconds' }),
  ),
  signed: Type.Optional(
    Type.String({
      maxLength: 128,
      pattern: '^[ -z|~]*(\\{timestamp\\}[ -z|~]*)?\\{body\\}$',
      must: 'a text that ends in {body}, perhaps with one {timestamp} before',
      description: 'What is signed. Default: `{body}`',
      examples: ['{timestamp}.{body}'],
    }),
  ),
  tolerance: Type.Optional(
    Type.String({ description: 'How old a signature with a time may be, from 10s to 1h. Default: 5m' }),
  ),
  replay: Type.Optional(
    Type.String({
      description:
        'How long the same signed content is refused, up to 24h. Default: twice `tolerance` for signatures with a time, otherwise 0',
    }),
  ),
  max_body: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MOST_BYTES,
      description: 'Bytes of the body, which the hub reads whole. Default: 1048576',
    }),
  ),
})

const Verify = Type.Union(
  [
    Type.Literal('anyone'),
    Type.Closed({ hmac: Signature }),
    Type.Closed({
      networks: Type.Array(Type.String({ maxLength: 64 }), {
        minItems: 1,
        maxItems: 100,
        description: 'Addresses and networks of clients',
      }),
    }),
    Type.Closed({
      secret_header: Type.Closed({
        header: Type.String({
          pattern: HEADER,
          description: 'Header that has the secret. The app does not see it',
        }),
        secret: SecretNames,
      }),
    }),
  ],
  {
    must: 'hmac, networks, secret_header, or the word anyone',
    description:
      'What a request must prove: a signature, its network, a secret in a header, or nothing (anyone)',
  },
)

const RuleForm = Type.Closed({
  name: Type.String({
    // The rule of http-apps for CORS preflights.
    pattern: '^(?!preflight$)[a-z0-9][a-z0-9-]{0,62}$',
    must: 'small letters, digits and hyphens, and not preflight',
    description: 'For records, and for the app in `Mezite-Verified`',
    examples: ['push'],
  }),
  methods: Type.Array(
    Type.String({
      pattern: '^(?!CONNECT$|TRACE$)[A-Z][A-Z-]{0,31}$',
      must: 'a method such as POST; there is none for all of them',
      examples: ['POST'],
    }),
    { minItems: 1, maxItems: 16, description: 'HEAD is one of its own' },
  ),
  paths: Type.Array(Type.String({ minLength: 1, maxLength: 1_024 }), {
    minItems: 1,
    maxItems: 50,
    description: 'Patterns as in `app_rules`: * is one segment or a part of one, ** any number',
    examples: [['/hooks/push']],
  }),
  verify: Verify,
  rate: Type.Optional(
    Type.String({
      pattern: '^[1-9][0-9]{0,4}/[sm]$',
      must: 'a rate such as 60/m or 5/s',
      description: 'Requests by this rule of one address to one hub. Default: 600/m',
    }),
  ),
})

/** The plugin gets compiled rules. */
const DecodedRule = Object.assign(RuleForm, {
  decode: (value: unknown) => compileRule(value as RuleValue),
}) as unknown as ReturnType<typeof Type.Unsafe<Rule>>

/** The rules of an app in its document. A fault that the schema cannot say refuses the document, too. */
export const AppPublicPaths = Type.Closed({
  rules: Type.Array(DecodedRule, {
    maxItems: 50,
    description: 'The first rule whose path and method fit, and whose proof the request has, decides',
  }),
})

interface SignatureValue {
  readonly preset?: keyof typeof PRESETS | 'gitlab'
  readonly header?: string
  readonly secret: string | readonly string[]
  readonly algorithm?: SignatureForm['algorithm']
  readonly encoding?: SignatureForm['encoding']
  readonly prefix?: string
  readonly timestamp_header?: string
  readonly signed?: string
  readonly tolerance?: string
  readonly replay?: string
  readonly max_body?: number
}

interface RuleValue {
  readonly name: string
  readonly methods: readonly string[]
  readonly paths: readonly string[]
  readonly verify:
    | 'anyone'
    | { readonly hmac: SignatureValue }
    | { readonly networks: readonly string[] }
    | { readonly secret_header: { readonly header: string; readonly secret: string | readonly string[] } }
  readonly rate?: string
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
