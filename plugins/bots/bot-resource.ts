import {
  type Problem,
  parseDuration,
  parseResource,
  type Resource,
  ROLE_NAME,
  resourceInvalid,
  type Static,
  Type,
} from '@mezite/core'
import { isLinkLocal, isLoopback, isNetwork } from '@mezite/core/identity'
import { keyFault } from './bot-keys.ts'
import { ruleFault } from './claim-rules.ts'
import { problemFor } from './reasons.ts'

const HOUR_MS = 3_600_000
const MOST = 50

const TrustRule = Type.Closed({
  issuer: Type.String({
    minLength: 1,
    maxLength: 2_048,
    description:
      'Issuer of the ID tokens; its discovery document is at <issuer>/.well-known/openid-configuration',
    examples: ['https://token.actions.githubusercontent.com'],
  }),
  audience: Type.String({
    minLength: 1,
    maxLength: 512,
    description: 'The audience that tokens must be for; choose one that means this hub alone',
    examples: ['https://mezite.example.com'],
  }),
  claims: Type.Map(Type.String({ minLength: 1, maxLength: 1_024 }), {
    minProperties: 1,
    maxProperties: MOST,
    description: 'Claims that tokens must have: the exact value, or ^regex$ for the whole value',
    examples: [{ repository: 'example/shop', ref: 'refs/heads/main' }],
  }),
})

/** `spec` of `kind: bot`. */
export const BotSpec = Type.Closed({
  roles: Type.Array(Type.String({ pattern: ROLE_NAME, must: 'the name of a role' }), {
    maxItems: 200,
    description: 'Roles of the bot',
  }),
  ...Type.Optionals({
    acts_for: Type.String({
      minLength: 1,
      maxLength: 256,
      description:
        'The person for whom it acts, as an agent: it may do what both may, once the person agrees under "My account", and never calls the API',
      examples: ['alice@example.com'],
    }),
    requests_per_minute: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      description:
        'Requests and connections to apps that each hub admits in a minute. Default: 600 with `acts_for`, else no limit',
    }),
    allow_from: Type.Array(Type.String({ maxLength: 64 }), {
      maxItems: 200,
      description: 'Addresses and networks from which it may connect. Default: any',
      examples: [['10.0.0.0/8']],
    }),
    api: Type.Boolean({
      description:
        "Whether it may call the hub's API as its roles allow, with `admin` all of it. Default: only `/v1/webapi/me`",
    }),
    max_token_ttl: Type.String({
      pattern: '^[0-9]{1,9}(s|m|h)$',
      must: 'a duration such as 10m or 1h',
      description: 'Longest life of a token: 1m to 24h. Default: 1h',
    }),
    trust: Type.Array(TrustRule, {
      maxItems: MOST,
      description: 'ID tokens of platforms that run the bot; each rule admits tokens that meet all of it',
    }),
    keys: Type.Array(
      Type.Closed({
        kid: Type.String({
          pattern: '^[\\x21-\\x7e]{1,128}$',
          must: 'a key id of visible ASCII characters',
        }),
        jwk: Type.Unsafe<Readonly<Record<string, unknown>>>(
          Type.Object({}, { additionalProperties: true, description: 'Public key as a JWK' }),
        ),
      }),
      { maxItems: MOST, description: 'Public keys that sign its assertions (RFC 7523)' },
    ),
  }),
})

export type TrustRule = Static<typeof TrustRule>
export type BotSpec = Static<typeof BotSpec>
export type BotDocument = Resource<BotSpec>

/** Reads a bot's document. Throws `Problem` 400 `resource_invalid` with all faults. */
export function readBot(body: unknown, options: { readonly name?: string } = {}): BotDocument {
  const document = parseResource('bot', BotSpec, body, options)
  const faults: { path: string[]; message: string }[] = []
  const add = (message: string, ...path: string[]) => faults.push({ path: ['spec', ...path], message })
  const { spec, metadata } = document
  if (metadata.expires !== undefined)
    faults.push({ path: ['metadata', 'expires'], message: 'a bot does not expire; remove it' })
  for (const [at, cidr] of (spec.allow_from ?? []).entries())
    if (!isNetwork(cidr)) add('is not an address or network', 'allow_from', String(at))
  if (spec.acts_for !== undefined) {
    if (/^(?:bot:|token:|operator@socket$)/.test(spec.acts_for.normalize('NFKC').toLowerCase()))
      add('must be a person: nobody acts for a program', 'acts_for')
    if (spec.api === true) add('is not for a bot with acts_for', 'api')
  }
  const ttl = tokenTtlMs(spec)
  if (ttl < 60_000 || ttl > 24 * HOUR_MS) add('must be between 1m and 24h', 'max_token_ttl')
  for (const [at, { issuer, claims }] of (spec.trust ?? []).entries()) {
    const fault = issuerFault(issuer)
    if (fault !== null) add(fault, 'trust', String(at), 'issuer')
    for (const [name, value] of Object.entries(claims)) {
      const wrong = ruleFault(value)
      if (wrong !== null) add(wrong, 'trust', String(at), 'claims', name)
    }
  }
  const kids = new Set<string>()
  for (const [at, { kid, jwk }] of (spec.keys ?? []).entries()) {
    if (kids.has(kid)) add('is the id of another key too', 'keys', String(at), 'kid')
    kids.add(kid)
    const fault = keyFault(jwk)
    if (fault !== null) add(fault, 'keys', String(at), 'jwk')
  }
  if (faults.length > 0) throw resourceInvalid(faults)
  return document
}

function issuerFault(issuer: string): string | null {
  const url = URL.parse(issuer)
  if (!url || url.username || url.password || url.search || url.hash)
    return 'must be a URL without user, query and fragment'
  if (isLinkLocal(url.hostname)) return 'must not be a link-local address'
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))) return null
  return 'must be https:// (http:// is for loopback only)'
}

/** The longest life of a token, in milliseconds. */
export const tokenTtlMs = ({ max_token_ttl: ttl }: BotSpec): number =>
  ttl === undefined ? HOUR_MS : (parseDuration(ttl) ?? 0)

const AGENT_REQUESTS = 600

/** Requests in a minute at one hub; null: as many as it sends. */
export const requestLimit = ({ acts_for: person, requests_per_minute: most }: BotSpec): number | null =>
  most ?? (person === undefined ? null : AGENT_REQUESTS)

/** User names of bots begin with this. */
export const USER_PREFIX = 'bot:'

export const botNotFound = (name: string): Problem =>
  problemFor('bot_not_found', `There is no bot ${name}; \`mezctl bots ls\` lists them.`)
