import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { MezError, messageOf } from '@mezite/core/agent'
import { stringify } from 'yaml'
import { readAgentConfig } from './agent-config.ts'

const FLAGS = {
  config: { type: 'string' },
  proxy: { type: 'string' },
  'token-file': { type: 'string', default: '-' },
  'ca-pin': { type: 'string' },
  hostname: { type: 'string' },
  'data-dir': { type: 'string' },
  service: { type: 'boolean', default: false },
} as const

/** Of a service, which runs as a user of its own. */
const SERVICE = { config: '/etc/mezite/mezd.yaml', 'data-dir': '/var/lib/mezite-agent' }

export interface WrittenConfiguration {
  /** Absolute paths. */
  readonly file: string
  readonly tokenFile: string
  /** Whether `--service` asks for a service. */
  readonly service: boolean
}

/**
 * Writes `mezd.yaml` and, beside it, the join token, from the flags of `mezd start`. Rejects without leaving a file if the flags are not valid.
 *
 * @param program folder of this package
 */
export async function writeConfiguration(
  args: readonly string[],
  program: string,
): Promise<WrittenConfiguration> {
  const { values } = parseArgs({ args: [...args], options: FLAGS })
  const flags = { ...(values.service ? SERVICE : { config: 'mezd.yaml' }), ...values }
  const missing = (['proxy', 'ca-pin'] as const).filter((name) => flags[name] === undefined)
  if (missing.length > 0) {
    throw new MezError(
      'MEZ_USAGE_WRONG',
      `mezd init needs ${missing.map((name) => `--${name}`).join(' and ')}`,
      {
        hint: 'mezctl tokens create --roles=app prints both.',
      },
    )
  }
  const given = ['proxy', 'ca-pin', 'token-file', 'hostname', 'data-dir'] as const
  const start = given.flatMap((name) => (flags[name] === undefined ? [] : [`--${name}`, flags[name]]))
  const { token, tokenProblem, hostname, dataDir } = await readAgentConfig(start, { program })
  if (token === null) {
    const hint = 'Create a join token with `mezctl tokens create --roles=app`.'
    throw new MezError(
      'MEZ_IDENTITY_MISSING',
      `the join token is missing${tokenProblem ? `: ${tokenProblem}` : ''}`,
      { hint },
    )
  }
  const file = resolve(flags.config)
  if (flags.service) mkdirSync(dirname(file), { recursive: true })
  const tokenFile = join(dirname(file), 'join-token')
  const settings = {
    proxy_addr: flags.proxy,
    join_token: { file: 'join-token' },
    ca_pin: flags['ca-pin'],
    hostname,
    data_dir: dataDir,
  }
  const write = (path: string, text: string): void => {
    try {
      writeFileSync(path, text, { mode: 0o600, flag: 'wx' })
    } catch (cause) {
      throw new MezError('MEZ_FILE_UNWRITABLE', `cannot write ${path}: ${messageOf(cause)}`, {
        hint: 'Name another file with --config, or remove this one.',
        cause,
      })
    }
  }
  write(file, stringify(settings))
  try {
    write(tokenFile, `${token}\n`)
  } catch (error) {
    rmSync(file)
    throw error
  }
  return { file, tokenFile, service: flags.service }
}
