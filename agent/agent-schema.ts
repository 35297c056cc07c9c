import { Type } from 'typebox'

const closed = { additionalProperties: false }

/** The next step for a wrong key, flag or variable. */
export const CONFIG_HINT = 'Correct what is listed; `mezd --help` lists the flags.'

/** The schema of `mezd.yaml`. */
export const agentSchema = Type.Object(
  {
    proxy_addr: Type.Optional(Type.String()),
    join_token: Type.Optional(Type.Object({ file: Type.String() }, closed)),
    ca_pin: Type.Optional(Type.String()),
    hostname: Type.Optional(Type.String()),
    data_dir: Type.Optional(Type.String()),
    strict_runtime: Type.Optional(Type.Boolean()),
    tunnel: Type.Optional(
      Type.Object({ transports: Type.Optional(Type.Array(Type.String(), { minItems: 1 })) }, closed),
    ),
    apps: Type.Optional(Type.Object({ allow: Type.Optional(Type.Array(Type.String())) }, closed)),
    diagnostics: Type.Optional(Type.Object({ listen_addr: Type.String() }, closed)),
    plugins: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  closed,
)

/** A file that the schema has accepted. */
export interface AgentFile {
  proxy_addr?: string
  join_token?: { file: string }
  ca_pin?: string
  hostname?: string
  data_dir?: string
  strict_runtime?: boolean
  tunnel?: { transports?: string[] }
  apps?: { allow?: string[] }
  diagnostics?: { listen_addr: string }
  plugins?: Record<string, unknown>
}
