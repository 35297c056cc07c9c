import type { Static, TProperties, TSchema } from 'typebox'
import type { HttpVersion } from '../../api/app.ts'
import { Type } from '../../api/config-types.ts'
import { DURATION_PATTERN } from '../../api/duration.ts'
import { IDENTITY_VALUE, type IdentityValue } from '../../api/identity-value.ts'

const HEADER_VALUE = '^(?:[\\u0021-\\u007e](?:[\\t\\u0020-\\u007e]*[\\u0021-\\u007e])?)?$'

const Duration = (value: string, description: string) =>
  Type.Optional(
    Type.String({
      pattern: DURATION_PATTERN,
      default: value,
      must: 'a duration such as 30s, 15m or 12h',
      description,
    }),
  )

const OneOf = <Value extends string>(values: readonly Value[], description: string, more = {}) =>
  Type.Optional(Type.OneOf(values, { description, ...more }))

const Text = (maxLength: number, description: string, examples: readonly string[]) =>
  Type.Optional(
    Type.String({
      minLength: 1,
      maxLength,
      pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
      must: `at most ${maxLength} characters without control characters`,
      description,
      examples,
    }),
  )

const HeaderText = Type.String({
  maxLength: 4_096,
  pattern: HEADER_VALUE,
  must: 'printable ASCII without spaces at the ends',
})

/** A value, or a secret one: it is stored encrypted, and shown as `{stored: true}`, which keeps it. */
const RequestHeaderValue = Type.Union(
  [HeaderText, Type.Closed({ value: HeaderText }), Type.Closed({ stored: Type.Literal(true) })],
  {
    must: 'printable ASCII without spaces at the ends, or a secret: {file: PATH} or {env: NAME} in a file for mezctl, {value: TEXT} in the API, {stored: true} for the stored one',
  },
)

const HeaderChanges = <Content extends TSchema, More extends TProperties>(
  messages: string,
  value: Content,
  more: More,
) =>
  Type.Optional(
    Type.Closed(
      {
        set: Type.Optional(
          Type.Map(value, {
            maxProperties: 50,
            default: {},
            description: `Header lines that all ${messages} carry; each replaces the lines of its name`,
          }),
        ),
        remove: Type.Optional(
          Type.Array(Type.String({ maxLength: 128 }), {
            maxItems: 50,
            default: [],
            description: `Names of header lines that are removed from all ${messages}`,
          }),
        ),
        ...more,
      },
      { default: {}, description: `Constant changes to the headers of all ${messages}` },
    ),
  )

/** `spec` of `kind: app`. Each key has a description; the page look-up/app-document of the documentation shows all of them. */
export const AppSpec = Type.Closed({
  uri: Type.String({
    minLength: 1,
    maxLength: 512,
    description:
      'Address that the agent dials: http://host:port, https://host:port or tcp://host:port; none: a proxy of your own serves the app and asks the hub (plugin verdicts)',
    examples: ['http://127.0.0.1:3000'],
  }),
  ...Type.Optionals({
    public_addr: Type.String({
      minLength: 1,
      maxLength: 512,
      description: 'Host name towards browsers, below the apps domain. Default: NAME.<apps_domain>',
      examples: ['grafana.apps.example.com'],
    }),
    aliases: Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
      maxItems: 50,
      default: [],
      description:
        'Other hosts of the app below a domain of the apps: names, or *.LABEL.<apps_domain> for an app that makes hosts. Each has a session of its own',
      examples: [['wiki-assets.apps.example.com', '*.preview.apps.example.com']],
    }),
    required_apps: Type.Array(Type.String({ minLength: 1, maxLength: 63 }), {
      maxItems: 3,
      default: [],
      description:
        'Apps that the pages of this app call: opening it also opens their sessions, if the person may open them',
      examples: [['api']],
    }),
    domain: Type.String({
      minLength: 1,
      maxLength: 253,
      description: 'The domain of the app, if proxy.apps_domain lists several. Default: the first of them',
      examples: ['apps.example.org'],
    }),
    protocol: Type.String({
      minLength: 1,
      maxLength: 63,
      description: 'Protocol towards people. Default: tcp for a tcp:// uri, verdict for none, else http',
    }),
    agents: Type.Array(Type.String(), {
      maxItems: 1_000,
      default: [],
      description: 'Host names of the agents that may serve the app; requests are spread over all of them',
      examples: [['node-1', 'node-2']],
    }),
    display: Type.Closed(
      {
        name: Text(64, 'Name on the card. Default: the name of the app', ['Grafana']),
        description: Text(256, 'One line below the name. Default: the description in `metadata`', [
          'Dashboards of the platform team',
        ]),
        icon: Type.Optional(
          Type.String({
            maxLength: 65_536,
            pattern: '^([a-z][a-z0-9-]{0,39}|data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2})$',
            must: 'the name of a preset, or a data: URL of a PNG, JPEG or WebP image below 48 KB',
            description:
              'Name of a preset, or a data: URL of a PNG, JPEG or WebP image. Default: a preset for well-known apps, otherwise initials',
            examples: ['chart'],
          }),
        ),
        group: Text(64, 'Heading under which the launcher lists the app', ['Monitoring']),
      },
      { default: {}, description: 'How the launcher shows the app' },
    ),
    connector: Text(
      63,
      'The only connector whose sign-ins may open this app, in place of proxy.apps_oidc_connector',
      ['partners'],
    ),
    enabled: Type.Boolean({
      default: true,
      description: 'false refuses every request and cuts live connections',
    }),
    tls: Type.Closed(
      Type.Optionals({
        verify: Type.Boolean({
          default: true,
          description: 'false accepts any certificate of the app. Prefer `ca`, which keeps the check',
        }),
        server_name: Type.String({
          minLength: 1,
          maxLength: 253,
          description:
            'Name that the certificate must have and that is sent as SNI. Default: the host of `uri`',
          examples: ['grafana.internal'],
        }),
        ca: Type.String({
          minLength: 1,
          maxLength: 65_536,
          description: 'Certificates (PEM) to trust instead of the public authorities',
          examples: ['-----BEGIN CERTIFICATE-----\n…'],
        }),
      }),
      { default: {}, description: 'TLS from the agent to the app, for https:// uris' },
    ),
    http: Type.Closed(
      {
        version: OneOf<HttpVersion>(
          ['1.1', 'h2', 'h2c', 'auto'],
          'HTTP version towards the app. h2: over TLS; h2c: HTTP/2 without TLS; auto: what TLS negotiates, or without TLS HTTP/2 for gRPC calls only. gRPC needs HTTP/2. WebSockets use HTTP/1.1 in any case',
          { default: '1.1' },
        ),
      },
      { default: {}, description: 'HTTP from the agent to the app' },
    ),
    rewrite: Type.Closed(
      {
        host: Type.Optional(
          Type.String({
            default: 'preserve',
            minLength: 1,
            maxLength: 261,
            description:
              'Host header towards the app: preserve (public host), upstream (host of `uri`) or a host name. Origin, Referer, Destination, Location, Content-Location, Link and Refresh follow',
            examples: ['upstream'],
          }),
        ),
      },
      { default: {}, description: 'Names that the app sees' },
    ),
    identity_headers: Type.Map(
      Type.Unsafe<IdentityValue>({
        type: 'string',
        maxLength: 256,
        pattern: IDENTITY_VALUE,
        must: 'user, email, name, roles, each_role, assertion or a template such as {email.local}',
      }),
      {
        maxProperties: 20,
        default: {},
        description:
          'Headers in which the app expects the verified identity: user, email, name, roles (separated by commas), each_role (one line for each), assertion (the signed token), or a template such as {email.local}. Lines of clients with these names are dropped',
        examples: [{ 'X-Remote-User': 'user', 'X-Groups': 'roles' }],
      },
    ),
    headers: Type.Closed(
      {
        request: HeaderChanges('requests', RequestHeaderValue, {
          pass: Type.Optional(
            Type.Array(Type.String({ maxLength: 128 }), {
              maxItems: 50,
              default: [],
              description:
                'Names of header lines that clients may send although they usually name the user, the address or the method. Only for apps that do not trust them',
              examples: [['X-Auth-Token']],
            }),
          ),
        }),
        response: HeaderChanges('responses', HeaderText, {}),
      },
      { default: {}, description: 'Constant changes to headers in both directions' },
    ),
    origins: Type.Array(Type.String({ maxLength: 512 }), {
      maxItems: 100,
      default: [],
      description:
        'Other origins whose pages may send non-safe requests and preflights, and open WebSockets. A wildcard of `aliases` may be one: https://*.preview.apps.example.com',
      examples: [['https://spa.apps.example.com']],
    }),
    timeouts: Type.Closed(
      {
        connect: Duration('5s', 'Longest time to connect to the app, TLS included'),
        response: Duration(
          '60s',
          'Longest time from the end of the request to the first byte of the response',
        ),
        idle: Duration('1h', 'Longest time without a byte in either direction once a transfer has begun'),
      },
      { default: {}, description: 'Deadlines of requests and connections' },
    ),
    health: Type.Closed(
      {
        path: Type.String({
          maxLength: 1_024,
          pattern: '^/[\\u0021\\u0022\\u0024-\\u007e]*$',
          must: 'a path that begins with /, in printable ASCII',
          description:
            'Path and query of a GET request without identity; a status from 200 to 399 means ready',
          examples: ['/healthz'],
        }),
        interval: Duration('30s', 'How often each agent sends it, from 1s to 24h'),
      },
      { description: 'How agents check that the app works. Without it, they only connect' },
    ),
    plugins: Type.Map(Type.Unknown(), {
      maxProperties: 50,
      default: {},
      description: 'Configuration of plugins for this app, by the name of the plugin',
      examples: [{ 'office-hours': { from: 9, to: 17 } }],
    }),
  }),
})
export type AppSpec = Static<typeof AppSpec>
