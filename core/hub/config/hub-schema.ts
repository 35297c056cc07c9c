import type { Static, TSchema, TUnsafe } from 'typebox'
import { parseListenAddress, parsePublicAddress } from '../../api/address.ts'
import { Type, type TypeOptions } from '../../api/config-types.ts'
import { limitsSchema } from '../../base/limits/limits-schema.ts'
import type { KeyPairFiles } from '../../base/x509/key-pair.ts'
import {
  CLUSTER_NAME,
  isCidr,
  parseAppsDomains,
  parseClusterName,
  parseHelpUrl,
  parseInternalAddress,
} from './address.ts'

const OneOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.OneOf(values, { default: values[0], description })

/** One line without control or bidirectional characters. */
const PLAIN = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]+$'

const Text = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))

/** A text that the hub receives as what `parse` makes of it. `parse` returns null, or throws why, if it is not `must`. */
const Parsed = <T>(
  parse: (text: string) => T | null,
  must: string,
  options: TypeOptions & { readonly default?: string },
) => {
  const decode = (text: string): T => {
    const value = parse(text)
    if (value === null) throw new TypeError(`must be ${must}`)
    return value
  }
  return Type.Unsafe<T>({ type: 'string', must, ...options, decode })
}

const Listen = (description: string, value?: string) =>
  Parsed(parseListenAddress, 'HOST:PORT', { description, ...(value && { default: value }) })

const Section = <T extends Record<string, TSchema>>(properties: T) => Type.Closed(properties, { default: {} })

/** An object for TypeBox; the hub receives the files. */
const Keypair = (description: string) =>
  Type.Optional(
    Type.Closed(
      {
        cert_file: Type.String({ minLength: 1, description: 'PEM, the certificate first, then its chain' }),
        key_file: Type.String({ minLength: 1, description: 'PEM, readable by the hub only' }),
      },
      {
        description,
        decode: (raw: { cert_file: string; key_file: string }): KeyPairFiles => ({
          certFile: raw.cert_file,
          keyFile: raw.key_file,
        }),
      },
    ) as unknown as TUnsafe<KeyPairFiles>,
  )

/** All keys of mezhub.yaml except the plugins' own configuration. Keys are the public contract. */
export const hubSchema = Type.Closed({
  cluster_name: Type.Optional(
    Parsed(parseClusterName, CLUSTER_NAME, {
      description: 'Name of the cluster, which cannot change later; omitted: the host of proxy.public_addr',
    }),
  ),
  brand: Section({
    name: Type.String({
      minLength: 1,
      maxLength: 64,
      pattern: PLAIN,
      default: 'Mezite',
      description: 'Name in the header and the title of every page',
      must: 'a line of 1 to 64 characters',
    }),
    logo_file: Text('PNG, JPEG, WebP or SVG of at most 256 KiB, shown 30 px high'),
    color: Type.Optional(
      Type.String({
        pattern: '^#[0-9A-Fa-f]{6}$',
        description: 'Colour of links and buttons; each theme uses its nearest readable shade',
        must: 'a colour such as #0a7d5c',
      }),
    ),
    contact: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        pattern: PLAIN,
        description: 'Line on pages that says whom to ask for help',
        must: 'a line of 1 to 200 characters',
      }),
    ),
    help_url: Type.Optional(
      Parsed(parseHelpUrl, 'an https: or mailto: URL', {
        description: 'https: or mailto: address of the link "Help"',
      }),
    ),
  }),
  data_dir: Type.String({
    minLength: 1,
    default: '/var/lib/mezite',
    description: 'Folder of the encryption key, the embedded database and the admin socket (mode 0700)',
  }),
  // Timers of Node.js are limited to 24.8 days; a day is more than enough for a hub to stop.
  shutdown_grace: Type.Duration({
    default: '25s',
    max: '24h',
    description: 'How long live streams may continue after SIGTERM; at most 24h',
  }),
  strict_runtime: Type.Boolean({
    default: false,
    description:
      'Refuses to start, instead of warning, on a Node.js without security fixes or with an open debugger',
  }),
  audit: Type.Optional(
    Type.OneOf(['none'], {
      description:
        'none: the hub starts without an enforced audit sink, so requests may leave no record. Omitted: it refuses to start',
    }),
  ),
  log: Section({
    level: OneOf(['info', 'debug', 'warn', 'error'], 'The least important level that is logged'),
    format: OneOf(['json', 'text'], 'One JSON object a line, or lines for people; on stderr'),
  }),
  database: Section({
    driver: OneOf(['embedded', 'postgres'], 'embedded: PostgreSQL in the process, under data_dir; one hub'),
    url: Text('For driver postgres: postgres://USER@HOST/DATABASE'),
  }),
  proxy: Type.Closed({
    listen_addr: Listen('The one TLS port for everything', '0.0.0.0:3080'),
    public_addr: Parsed(parsePublicAddress, 'a host name, with :PORT when it is not 443', {
      description: "The hub's own web host, with :port when it is not 443",
    }),
    internal_addr: Type.Optional(
      Parsed(parseInternalAddress, 'HOST:PORT', {
        description:
          'Where the other hubs of the cluster reach this one; omitted: the address that it listens on, or from which it reaches the database',
      }),
    ),
    processes: Type.Unsafe<number | 'auto'>({
      anyOf: [{ type: 'integer', minimum: 1, maximum: 64 }, { const: 'auto' }],
      default: 1,
      description:
        'Processes that share the public port; auto: one for each processor. More than 1 needs driver postgres',
      must: 'a whole number from 1 to 64, or auto',
    }),
    redirect_addr: Type.Optional(
      Listen('Plain HTTP on this address, such as :80, redirects to https; omitted: off'),
    ),
    shutdown_delay: Type.Duration({
      default: '5s',
      max: '10m',
      description:
        'How long /readyz fails after SIGTERM before the port closes, so that balancers stop sending traffic; at most 10m',
    }),
    https_keypair: Keypair('Omitted: certificates of a plugin, or a development certificate'),
    apps_domain: Type.Optional(
      Type.Unsafe<readonly string[]>({
        anyOf: [{ type: 'array', minItems: 1, maxItems: 20, items: { type: 'string' } }, { type: 'string' }],
        must: 'a domain name without port or wildcard, or a list of them',
        description:
          'Applications are below this domain, or below one of a list, whose first is for those that name none; omitted: application access is off',
        decode: (given: string | readonly string[]) => parseAppsDomains([given].flat()),
      }),
    ),
    apps_keypair: Keypair(
      'A certificate of its own for the hosts of the applications; omitted: the main certificate must name them',
    ),
    apps_oidc_connector: Text(
      'The only connector whose sign-ins may open applications: in the browser, with msh and over TCP',
    ),
    trusted_proxies: Type.Array(
      Parsed((text) => (isCidr(text) ? text : null), 'a CIDR such as 10.0.0.0/8', {}),
      {
        default: [],
        description:
          'Networks (CIDR) of proxies and balancers whose X-Forwarded-For or PROXY header counts; every other client has the address of its connection',
      },
    ),
    proxy_protocol: OneOf(
      ['off', 'required'],
      'required: each connection must begin with a PROXY header, version 1 or 2, from one of trusted_proxies; all others are closed',
    ),
    development_certificate: Type.Boolean({
      default: false,
      description: 'Allows the development certificate outside loopback and .localhost',
    }),
    limits: limitsSchema,
  }),
  tunnel: Section({
    streams_per_agent: Type.Count({
      default: 9_000,
      max: 9_900,
      description: 'Connections to applications through one agent at a time; then another one is chosen',
    }),
    transports: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        uniqueItems: true,
        description: 'Transports that the hub offers to agents; by default all that plugins provide',
        must: 'a list of different transports, at least one',
      }),
    ),
  }),
  sessions: Section({
    stream_staleness: Type.Duration({
      default: '30s',
      min: '5s',
      description: 'Live streams are cut when the view of locks is older than this',
    }),
  }),
  diagnostics: Section({
    listen_addr: Listen('Plain HTTP: /healthz /readyz /metrics', '127.0.0.1:3081'),
  }),
  plugins: Type.Record(Type.String(), Type.Unknown(), {
    default: {},
    description: 'Name, package or path of a plugin to its configuration, or false to turn it off',
    must: 'a mapping from plugins to their configuration',
  }),
})

/** The file as the hub receives it, decoded and with defaults filled in. */
export type HubFile = Static<typeof hubSchema>
