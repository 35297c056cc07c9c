import { Problem, Type } from '@mezite/core'
import { RE2JS } from 're2js'
import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { isLoopback } from './loopback.ts'

const closed = { additionalProperties: false } as const
const ROLE = '^[a-z0-9][a-z0-9._-]{0,62}$'

const Rule = Type.Object(
  {
    claim: Type.String({ minLength: 1, maxLength: 256 }),
    /** Exact, `"*"`, or an anchored regular expression `^…$`. */
    value: Type.String({ minLength: 1, maxLength: 1_024 }),
    roles: Type.Array(Type.String({ pattern: ROLE }), { minItems: 1, maxItems: 100 }),
  },
  closed,
)

/** `kind: oidc` of section 4 of the public contract, with its defaults filled in. */
export const ConnectorSpec = Type.Object(
  {
    issuer_url: Type.String({ minLength: 1, maxLength: 2_048 }),
    client_id: Type.String({ minLength: 1, maxLength: 512 }),
    token_auth: Type.Union([
      Type.Literal('auto'),
      Type.Literal('client_secret_basic'),
      Type.Literal('client_secret_post'),
      Type.Literal('private_key_jwt'),
    ]),
    scopes: Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,256}$' }), { maxItems: 50 }),
    username_claim: Type.String({ minLength: 1, maxLength: 256 }),
    require_verified_email: Type.Boolean(),
    claims_to_roles: Type.Array(Rule, { maxItems: 1_000 }),
  },
  closed,
)
export type ConnectorSpec = Static<typeof ConnectorSpec>

export const ConnectorDocument = Type.Object(
  {
    kind: Type.Literal('oidc'),
    version: Type.Literal('v1'),
    metadata: Type.Object(
      {
        name: Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' }),
        description: Type.Optional(Type.String({ maxLength: 1_024 })),
      },
      closed,
    ),
    spec: ConnectorSpec,
  },
  closed,
)
export type ConnectorDocument = Static<typeof ConnectorDocument>

const DEFAULTS = {
  token_auth: 'auto',
  scopes: ['openid', 'email', 'profile', 'groups'],
  username_claim: 'email',
  require_verified_email: true,
  claims_to_roles: [],
} satisfies Partial<ConnectorSpec>

const checker = Compile(ConnectorDocument)

/**
 * Reads a connector document from the API. `secret` is undefined when the document has none (what is stored
 * stays). Files and environment variables are read by the CLI, which sends `{ value }`: the hub reads no file
 * that a caller names. Throws `Problem` 400 `resource_invalid` that lists every fault.
 */
export function readConnector(body: unknown): { document: ConnectorDocument; secret: string | undefined } {
  const { status: _, ...input } = asObject(body, 'the document')
  const { client_secret, ...spec } = asObject(input.spec, 'spec')
  const document = { ...input, spec: { ...DEFAULTS, ...spec } }
  if (!checker.Check(document)) {
    const faults = checker
      .Errors(document)
      .map(({ instancePath, message }) => `${instancePath || '/'} ${message}`)
    throw invalid(faults.slice(0, 20).join('; '))
  }
  const faults = faultsOf(document)
  if (faults.length > 0) throw invalid(faults.join('; '))
  return { document, secret: readSecret(client_secret) }
}

function readSecret(given: unknown): string | undefined {
  if (given === undefined) return undefined
  const { value, ...rest } = asObject(given, 'spec.client_secret')
  if (typeof value === 'string' && value !== '' && value.length <= 16_384 && Object.keys(rest).length === 0) {
    return value
  }
  throw invalid(
    'spec.client_secret over the API is { value: … }; mezctl reads { file: … } and { env: … } itself',
  )
}

function faultsOf({ spec }: ConnectorDocument): string[] {
  const faults: string[] = []
  const url = URL.parse(spec.issuer_url)
  if (!url || url.username || url.password || url.search || url.hash) {
    faults.push('/spec/issuer_url must be a URL without user, query and fragment')
  } else if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    faults.push('/spec/issuer_url must be https:// (http:// is for loopback only)')
  }
  if (!spec.scopes.includes('openid')) faults.push('/spec/scopes must contain openid')
  for (const [at, { value }] of spec.claims_to_roles.entries()) {
    if (!isPattern(value)) continue
    try {
      RE2JS.compile(value)
    } catch {
      faults.push(`/spec/claims_to_roles/${at}/value is no regular expression (RE2 syntax)`)
    }
  }
  return faults
}

/** An anchored regular expression; everything else is taken literally. */
export function isPattern(value: string): boolean {
  return value.length > 1 && value.startsWith('^') && value.endsWith('$')
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw invalid(`${what} must be an object`)
}

function invalid(detail: string): Problem {
  return new Problem(400, 'resource_invalid', detail)
}
