import { Type } from '@mezite/core'
import { PRESETS, type SignatureForm } from './signature.ts'

/** Of a body that the hub reads whole. */
export const MOST_BYTES = 1_048_576
const HEADER = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"
const SECRET = '^[a-z0-9][a-z0-9-]{0,62}$'

/** Only `dns:` knows a `*`, as its first label. */
const CERTIFICATE_NAME =
  '^(dns:(\\*\\.)?[a-z0-9_-]+(\\.[a-z0-9_-]+)*|uri:[a-z][a-z0-9+.-]*:[!#-)+-~]+|email:[!#-)+-?A-~]+@[a-z0-9.-]+)$'

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

const ClientCertificate = Type.Closed({
  ca: Type.String({
    pattern: SECRET,
    must: 'the name of an authority in `plugins.public-paths.authorities`',
    description:
      'Authority of the configuration that has issued the certificate; one for all rules of an app',
  }),
  names: Type.Array(
    Type.String({
      maxLength: 512,
      pattern: CERTIFICATE_NAME,
      must: 'dns:, uri: or email: and a name in small letters; only dns: may begin with `*.`',
      examples: ['dns:ci.example.com', 'uri:spiffe://example.com/ci', 'email:ann@example.com'],
    }),
    {
      minItems: 1,
      maxItems: 100,
      description:
        'Alternative names of certificates, one of which must be there. `dns:*.` stands for one label',
    },
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
    Type.Closed({ client_certificate: ClientCertificate }),
  ],
  {
    must: 'hmac, networks, secret_header, client_certificate, or the word anyone',
    description:
      'What a request must prove: a signature, its network, a secret in a header, the certificate of its client, or nothing (anyone)',
  },
)

/** A rule of an app, as its document has it. */
export const RuleForm = Type.Closed({
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

/** How a sender signs, as written. */
export interface SignatureValue {
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

/** A rule as written. */
export interface RuleValue {
  readonly name: string
  readonly methods: readonly string[]
  readonly paths: readonly string[]
  readonly verify:
    | 'anyone'
    | { readonly hmac: SignatureValue }
    | { readonly networks: readonly string[] }
    | { readonly client_certificate: { readonly ca: string; readonly names: readonly string[] } }
    | { readonly secret_header: { readonly header: string; readonly secret: string | readonly string[] } }
  readonly rate?: string
}
