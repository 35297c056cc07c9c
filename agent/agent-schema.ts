import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false } as const

const Text = (description: string) => Type.Optional(Type.String({ description }))
const List = (description: string, more: { minItems?: number } = {}) =>
  Type.Optional(Type.Array(Type.String(), { description, ...more }))

/** The next step for a wrong key, flag or variable. */
export const CONFIG_HINT = 'Correct what is listed; `mezd --help` lists the flags.'

/** The schema of `mezd.yaml`. */
export const agentSchema = Type.Object(
  {
    proxy_addr: Text('HOST:PORT of the hub; required here or as --proxy'),
    join_token: Type.Optional(
      Type.Object(
        { file: Type.String({ description: 'File with the join token; needed at the first start only' }) },
        closed,
      ),
    ),
    ca_pin: Text(
      "Pin of the hub's certificate authority, as mezctl tokens create prints it; for the first start",
    ),
    hostname: Text(
      "Name of the agent in mezctl agents ls and in applications' agents; omitted: the machine's host name",
    ),
    data_dir: Type.String({
      default: '/var/lib/mezite-agent',
      description: "Folder of the agent's key and certificate",
    }),
    strict_runtime: Type.Boolean({
      default: false,
      description:
        'Refuses to start, instead of warning, on a Node.js without security fixes or with an open debugger',
    }),
    tunnel: Type.Object(
      {
        transports: List('Transports to use, in order of preference; omitted: all that are loaded', {
          minItems: 1,
        }),
      },
      { ...closed, default: {} },
    ),
    apps: Type.Object(
      {
        allow: List(
          'What the agent may dial: host:port, address:port or cidr:port, with * for any port; omitted: everything but link-local, metadata and similar addresses',
        ),
      },
      { ...closed, default: {} },
    ),
    diagnostics: Type.Optional(
      Type.Object(
        {
          listen_addr: Type.String({
            description: 'Plain HTTP: /healthz /readyz /metrics of the agent; omitted: off',
          }),
        },
        closed,
      ),
    ),
    updates: Type.Optional(
      Type.Object(
        {
          source: Type.String({
            description:
              'Where releases are: an https URL that ends with /, or the absolute path of a folder',
          }),
          keys: Type.Array(Type.String(), {
            minItems: 1,
            description: 'Public keys of the people who may release: ed25519: and 32 bytes in base64',
          }),
          threshold: Type.Integer({
            minimum: 1,
            description: 'How many of the keys must have signed a release',
          }),
        },
        {
          ...closed,
          description: 'Lets the agent replace itself by newer versions; omitted: it never does',
        },
      ),
    ),
    plugins: Type.Record(Type.String(), Type.Unknown(), {
      default: {},
      description: 'Name, package or path of a plugin to its configuration, or false to turn it off',
    }),
  },
  closed,
)

/** A file that the schema has accepted, with defaults filled in. */
export type AgentFile = Static<typeof agentSchema>
