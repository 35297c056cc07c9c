import { readFileSync } from 'node:fs'
import { hostname as machineName } from 'node:os'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { checkConfig, configError, MezError, messageOf, readConfigFile } from '@mezite/core/agent'
import { Type } from 'typebox'

const closed = { additionalProperties: false }
const Schema = Type.Object(
  {
    proxy_addr: Type.Optional(Type.String()),
    join_token: Type.Optional(Type.Object({ file: Type.String() }, closed)),
    ca_pin: Type.Optional(Type.String()),
    hostname: Type.Optional(Type.String()),
    data_dir: Type.Optional(Type.String()),
    tunnel: Type.Optional(Type.Object({ transports: Type.Optional(Type.Array(Type.String())) }, closed)),
    apps: Type.Optional(Type.Object({ allow: Type.Optional(Type.Array(Type.String())) }, closed)),
    plugins: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  closed,
)

interface AgentFile {
  proxy_addr?: string
  join_token?: { file: string }
  ca_pin?: string
  hostname?: string
  data_dir?: string
  tunnel?: { transports?: string[] }
  apps?: { allow?: string[] }
  plugins?: Record<string, unknown>
}

export interface AgentConfig {
  readonly proxyAddr: string
  readonly token: string | null
  readonly caPin: string | null
  readonly hostname: string
  readonly dataDir: string
  readonly transports: readonly string[] | null
  readonly allow: readonly string[] | null
  readonly plugins: Readonly<Record<string, unknown>>
  /** Paths in the configuration are relative to this folder. */
  readonly folder: string
}

/**
 * Settings of `mezd start`: flags over environment over file. Throws `MEZ_CONFIG_INVALID`,
 * `MEZ_CONFIG_UNREADABLE`, or a parse error of `node:util`.
 */
export async function readAgentConfig(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<AgentConfig> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      config: { type: 'string' },
      proxy: { type: 'string' },
      'token-file': { type: 'string' },
      'ca-pin': { type: 'string' },
      hostname: { type: 'string' },
      'data-dir': { type: 'string' },
      transport: { type: 'string', multiple: true },
    },
  })
  const folder = flags.config === undefined ? process.cwd() : dirname(resolve(flags.config))
  const file = flags.config === undefined ? {} : await readFileConfig(flags.config)
  const proxyAddr = flags.proxy ?? file.proxy_addr
  if (proxyAddr === undefined) throw new MezError('MEZ_CONFIG_INVALID', 'proxy_addr (or --proxy) is missing')
  const tokenFile = flags['token-file'] ?? (file.join_token && resolve(folder, file.join_token.file))
  const dataDir = file.data_dir === undefined ? '/var/lib/mezite-agent' : resolve(folder, file.data_dir)
  return {
    proxyAddr,
    token: tokenFile === undefined ? (env.MEZITE_JOIN_TOKEN ?? null) : readToken(tokenFile),
    caPin: flags['ca-pin'] ?? file.ca_pin ?? null,
    hostname: (flags.hostname ?? file.hostname ?? machineName()).toLowerCase(),
    dataDir: flags['data-dir'] ?? dataDir,
    transports: flags.transport ?? file.tunnel?.transports ?? null,
    allow: file.apps?.allow ?? null,
    plugins: file.plugins ?? {},
    folder,
  }
}

async function readFileConfig(path: string): Promise<AgentFile> {
  const read = await readConfigFile(path)
  if (read.problems.length > 0) throw configError(read.problems)
  const { problems } = checkConfig(Schema, read.value ?? {})
  if (problems.length > 0) throw configError(problems.map((problem) => read.locate(problem)))
  return (read.value ?? {}) as AgentFile
}

/** `-` is standard input. A spent token's file may be gone: then only a stored certificate helps. */
function readToken(file: string): string | null {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').trim() || null
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new MezError('MEZ_CONFIG_UNREADABLE', `cannot read the join token: ${messageOf(error)}`)
  }
}
