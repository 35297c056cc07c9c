import {
  messageOf,
  parseDuration,
  parseResource,
  type Resource,
  ROLE_NAME,
  resourceInvalid,
  type Static,
  Type,
} from '@mezite/core'
import { isLoopback } from '@mezite/core/identity'
import { RE2JS } from 're2js'
import { isPrivateKey, readPrivateKey } from './client-key.ts'

/** The connector name of sign-ins without a provider. */
const PASSKEY = 'passkey'
const MINUTE_MS = 60_000

const Rule = Type.Closed({
  claim: Type.String({ minLength: 1, maxLength: 256, description: 'Name of the claim' }),
  value: Type.String({
    minLength: 1,
    maxLength: 1_024,
    description: 'Value that the claim must have: exact, "*" or a regular expression ^…$',
  }),
  roles: Type.Array(Type.String({ pattern: ROLE_NAME }), {
    minItems: 1,
    maxItems: 100,
    description: 'Roles that the user gets until the next sign-in',
  }),
})

/** A document of `kind: oidc`, with its defaults filled in. */
export const ConnectorSpec = Type.Closed({
  issuer_url: Type.String({
    minLength: 1,
    maxLength: 2_048,
    description:
      'Issuer of the provider; its discovery document is at <issuer_url>/.well-known/openid-configuration',
    examples: ['https://id.example.com/realms/main'],
  }),
  client_id: Type.String({
    minLength: 1,
    maxLength: 512,
    description: 'Client id that the provider has assigned to the hub',
  }),
  token_auth: Type.OneOf(['auto', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'], {
    default: 'auto',
    description: 'How the hub authenticates at the token endpoint; auto tries what the provider offers',
  }),
  scopes: Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,256}$', must: 'a scope' }), {
    maxItems: 50,
    default: ['openid', 'email', 'profile', 'groups'],
    description: 'Scopes to request',
  }),
  username_claim: Type.String({
    minLength: 1,
    maxLength: 256,
    default: 'email',
    description: 'Claim that contains the user name',
  }),
  require_verified_email: Type.Boolean({
    default: true,
    description: 'The claim email counts only if email_verified is true',
  }),
  claims_to_roles: Type.Array(Rule, {
    maxItems: 1_000,
    default: [],
    description: 'Roles by claim, mapped at each sign-in',
    examples: [[{ claim: 'groups', value: 'platform-team', roles: ['platform'] }]],
  }),
  recheck: Type.Optional(
    Type.String({
      description:
        'Ask the provider again after this time while a session lasts (10m), if it gives refresh tokens; at least 1m',
    }),
  ),
  recheck_grace: Type.Optional(
    Type.String({
      description: 'How long sessions outlive a provider that does not answer; default 1h',
    }),
  ),
})
export type ConnectorSpec = Static<typeof ConnectorSpec>

export type ConnectorDocument = Resource<ConnectorSpec>

/** A document and the secret that came with it. */
export interface ReadConnector {
  readonly document: ConnectorDocument
  readonly secret: string | undefined
}

/**
 * Reads a connector document from the API. `secret` is a client secret or the PEM of `private_key`, or undefined when the
 * document has none (the stored one stays). The CLI reads files and environment variables and sends `{ value }`: the hub
 * does not read files that a caller names. Throws `Problem` 400 `resource_invalid`, which lists every fault.
 */
export function readConnector(body: unknown, options: { readonly name?: string } = {}): ReadConnector {
  const { client_secret, private_key, ...spec } = asObject(asObject(body).spec)
  // A document without a spec is passed on as it is, so that its faults are reported as for every resource.
  const input = Object.hasOwn(asObject(body), 'spec') ? { ...asObject(body), spec } : body
  const document = parseResource('oidc', ConnectorSpec, input, options)
  const faults = faultsOf(document)
  const secret = readSecret('client_secret', client_secret, faults)
  const key = readSecret('private_key', private_key, faults)
  if (secret !== undefined && isPrivateKey(secret)) {
    faults.push({
      path: ['spec', 'client_secret'],
      message: 'is a private key; use the key private_key for it',
    })
  }
  if (key !== undefined) {
    try {
      readPrivateKey(key)
    } catch (error) {
      faults.push({ path: ['spec', 'private_key'], message: messageOf(error) })
    }
    if (secret !== undefined) {
      faults.push({
        path: ['spec', 'private_key'],
        message: 'cannot be combined with client_secret; give only one of them',
      })
    }
  }
  if (faults.length > 0) throw resourceInvalid(faults)
  return { document, secret: key ?? secret }
}

type Faults = { path: string[]; message: string }[]

function readSecret(name: string, given: unknown, faults: Faults): string | undefined {
  if (given === undefined) return undefined
  const { value, ...rest } = asObject(given)
  if (typeof value === 'string' && value !== '' && value.length <= 16_384 && Object.keys(rest).length === 0) {
    return value
  }
  const message = 'must be { value: … } in the API; only mezctl accepts { file: … } and { env: … }'
  faults.push({ path: ['spec', name], message })
  return undefined
}

function faultsOf({ metadata, spec }: ConnectorDocument): Faults {
  const faults: Faults = []
  const add = (message: string, ...path: string[]) => faults.push({ path: ['spec', ...path], message })
  if (metadata.name === PASSKEY) {
    const message = `must not be ${PASSKEY}, the connector name of sign-ins by passkey; choose another name`
    faults.push({ path: ['metadata', 'name'], message })
  }
  if (metadata.expires !== undefined) {
    faults.push({ path: ['metadata', 'expires'], message: 'a connector does not expire; delete it' })
  }
  const url = URL.parse(spec.issuer_url)
  if (!url || url.username || url.password || url.search || url.hash) {
    add('must be a URL without user, query and fragment', 'issuer_url')
  } else if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    add('must be https:// (http:// is for loopback only)', 'issuer_url')
  }
  if (!spec.scopes.includes('openid')) add('must contain openid', 'scopes')
  for (const name of ['recheck', 'recheck_grace'] as const) {
    const text = spec[name]
    if (text === undefined) continue
    const ms = parseDuration(text)
    if (ms === null) add(`"${text}" is not a duration (examples: 10m, 1h)`, name)
    else if (ms < MINUTE_MS) add('must be at least 1m', name)
  }
  if (spec.recheck_grace !== undefined && spec.recheck === undefined)
    add('has no effect without recheck', 'recheck_grace')
  for (const [at, { value }] of spec.claims_to_roles.entries()) {
    if (!isPattern(value)) continue
    try {
      RE2JS.compile(value)
    } catch {
      add('is not a regular expression (RE2 syntax)', 'claims_to_roles', String(at), 'value')
    }
  }
  return faults
}

/** An anchored regular expression; everything else is taken literally. */
export function isPattern(value: string): boolean {
  return value.length > 1 && value.startsWith('^') && value.endsWith('$')
}

function asObject(value: unknown): Record<string, unknown> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : {}
}
