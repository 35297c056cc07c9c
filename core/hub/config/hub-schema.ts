import { type Static, type TSchema, Type } from 'typebox'
import { DURATION_PATTERN } from '../../api/duration.ts'
import { limitsSchema } from '../limits/limits-schema.ts'

const closed = { additionalProperties: false } as const

const Duration = (value: string, description: string) =>
  Type.Optional(
    Type.String({
      pattern: DURATION_PATTERN,
      default: value,
      description,
      must: 'a duration such as 30s, 15m, 12h or 30d',
    }),
  )

const OneOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Optional(Type.Unsafe<T[number]>({ type: 'string', enum: values, default: values[0], description }))

/** One line without control or bidirectional characters. */
const PLAIN = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]+$'

const Text = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))

const Listen = (value: string, description: string) =>
  Type.Optional(Type.String({ default: value, description, must: 'HOST:PORT' }))

const Section = <T extends Record<string, TSchema>>(properties: T) =>
  Type.Optional(Type.Object(properties, { ...closed, default: {} }))

const Keypair = (description: string) =>
  Type.Optional(
    Type.Object(
      {
        cert_file: Type.String({ minLength: 1, description: 'PEM, the certificate first, then its chain' }),
        key_file: Type.String({ minLength: 1, description: 'PEM, readable by the hub only' }),
      },
      { ...closed, description },
    ),
  )

/** All keys of mezhub.yaml except the plugins' own configuration. Keys are the public contract. */
export const hubSchema = Type.Object(
  {
    cluster_name: Text(
      'Name of the cluster, which cannot change later; omitted: the host of proxy.public_addr',
    ),
    brand: Section({
      name: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 64,
          pattern: PLAIN,
          default: 'Mezite',
          description: 'Name in the header and the title of every page',
          must: 'a line of 1 to 64 characters',
        }),
      ),
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
      help_url: Text('https: or mailto: address of the link "Help"'),
    }),
    data_dir: Type.Optional(
      Type.String({
        minLength: 1,
        default: '/var/lib/mezite',
        description: 'Folder of the encryption key, the embedded database and the admin socket (mode 0700)',
      }),
    ),
    shutdown_grace: Duration('25s', 'How long live streams may continue after SIGTERM; at most 24h'),
    strict_runtime: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Refuses to start, instead of warning, on a Node.js without security fixes or with an open debugger',
      }),
    ),
    audit: Type.Optional(
      Type.Unsafe<'none'>({
        type: 'string',
        enum: ['none'],
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
    proxy: Type.Object(
      {
        listen_addr: Listen('0.0.0.0:3080', 'The one TLS port for everything'),
        public_addr: Type.String({
          description: "The hub's own web host, with :port when it is not 443",
          must: 'a host name, with :PORT when it is not 443',
        }),
        internal_addr: Type.Optional(
          Type.String({
            description:
              'Where the other hubs of the cluster reach this one; omitted: the address that it listens on, or from which it reaches the database',
            must: 'HOST:PORT',
          }),
        ),
        processes: Type.Optional(
          Type.Unsafe<number | 'auto'>({
            anyOf: [{ type: 'integer', minimum: 1, maximum: 64 }, { const: 'auto' }],
            default: 1,
            description:
              'Processes that share the public port; auto: one for each processor. More than 1 needs driver postgres',
            must: 'a whole number from 1 to 64, or auto',
          }),
        ),
        redirect_addr: Type.Optional(
          Type.String({
            description: 'Plain HTTP on this address, such as :80, redirects to https; omitted: off',
            must: 'HOST:PORT',
          }),
        ),
        shutdown_delay: Duration(
          '5s',
          'How long /readyz fails after SIGTERM before the port closes, so that balancers stop sending traffic; at most 10m',
        ),
        https_keypair: Keypair('Omitted: certificates of a plugin, or a development certificate'),
        apps_domain: Text('Applications are below this domain; omitted: application access is off'),
        apps_keypair: Keypair(
          'A certificate of its own for the hosts of the applications; omitted: the main certificate must name them',
        ),
        apps_oidc_connector: Text(
          'The only connector whose sign-ins may open applications: in the browser, with msh and over TCP',
        ),
        trusted_proxies: Type.Optional(
          Type.Array(Type.String({ must: 'a CIDR such as 10.0.0.0/8' }), {
            default: [],
            description:
              'Networks (CIDR) of proxies and balancers whose X-Forwarded-For or PROXY header counts; every other client has the address of its connection',
          }),
        ),
        proxy_protocol: OneOf(
          ['off', 'required'],
          'required: each connection must begin with a PROXY header, version 1 or 2, from one of trusted_proxies; all others are closed',
        ),
        development_certificate: Type.Optional(
          Type.Boolean({
            default: false,
            description: 'Allows the development certificate outside loopback and .localhost',
          }),
        ),
        limits: limitsSchema,
      },
      closed,
    ),
    tunnel: Section({
      streams_per_agent: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 9_900,
          default: 9_000,
          description: 'Connections to applications through one agent at a time; then another one is chosen',
          must: 'a whole number from 1 to 9900',
        }),
      ),
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
      stream_staleness: Duration('30s', 'Live streams are cut when the view of locks is older than this'),
    }),
    diagnostics: Section({
      listen_addr: Listen('127.0.0.1:3081', 'Plain HTTP: /healthz /readyz /metrics'),
    }),
    plugins: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        default: {},
        description: 'Name, package or path of a plugin to its configuration, or false to turn it off',
        must: 'a mapping from plugins to their configuration',
      }),
    ),
  },
  closed,
)

/** The configuration as written, with defaults filled in. */
export type RawHubConfig = Static<typeof hubSchema>
