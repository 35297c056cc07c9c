import { existsSync, statSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import { configError } from '../../kernel/config-check.ts'
import { readConfigFile } from '../../kernel/config-file.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { PluginSide } from '../../kernel/plugin.ts'
import { seedDatabase } from './database-seed.ts'
import { freePort } from './free-port.ts'
import { superviseHub } from './hub-supervisor.ts'

const FLAGS = {
  plugin: { type: 'string' },
  config: { type: 'string' },
  'agent-config': { type: 'string' },
  port: { type: 'string' },
} as const

const PORT = 3080
const BANNER = `
******************************************************************************
*  mezhub dev: FOR DEVELOPMENT ONLY. Everybody with the link below is        *
*  an administrator of this hub. All of its data is removed when it ends.    *
******************************************************************************
`

/** What the process of the hub receives to start. */
export interface DevHub {
  /** Its configuration file; `plugins:` names the hub's half of the plugin. */
  readonly file: string
  /** File of the agent's half of the plugin, or its folder; null if it has none. */
  readonly agentHalf: string | null
  readonly agentConfig: unknown
  /** Secret of the link that signs in. */
  readonly secret: string
  /** Folder of the agent and of the example application. */
  readonly dir: string
}

/** Runs `mezhub dev` until a signal ends it. Rejects if the plugin does not exist or the configuration cannot be read. */
export async function runDev(args: readonly string[], print: (text: string) => void): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: FLAGS })
  if (values.plugin === undefined) throw new MezError('MEZ_USAGE_WRONG', 'mezhub dev needs --plugin PATH')
  if (process.env.NODE_ENV === 'production') {
    throw new MezError('MEZ_USAGE_WRONG', 'mezhub dev does not run with NODE_ENV=production', {
      hint: 'Use mezhub start in production.',
    })
  }
  const plugin = resolve(values.plugin)
  const port = await chosenPort(values.port)
  const folder = existsSync(plugin) && statSync(plugin).isDirectory() ? plugin : dirname(plugin)
  const halves = await halvesOf(plugin)
  const dir = await mkdtemp(join(tmpdir(), 'mezhub-dev-'))
  try {
    print(BANNER)
    // Creating a database takes seconds. Without a folder for the copy, the hub creates one.
    await seedDatabase(join(dir, 'data')).catch(() => {})
    await superviseHub({
      watched: [folder, ...(values.config === undefined ? [] : [dirname(resolve(values.config))])],
      print,
      async prepare(secret) {
        const config = values.config === undefined ? undefined : await readValue(values.config)
        const ofAgent = values['agent-config']
        const agentConfig = ofAgent === undefined ? config : await readValue(ofAgent)
        const file = join(dir, 'mezhub.yaml')
        await writeFile(file, stringify(devSettings(dir, port, halves.hub, config)), { mode: 0o600 })
        return { file, agentHalf: halves.agent, agentConfig, secret, dir }
      },
    })
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

async function chosenPort(given: string | undefined): Promise<number> {
  if (given === undefined) return freePort(PORT)
  const port = Number(given)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new MezError('MEZ_USAGE_WRONG', `--port ${given}: must be a number from 1 to 65535`)
}

/**
 * The halves of a plugin by their sources: `hub.ts` and `agent.ts` in its folder, which need no build, or otherwise what
 * its package.json exports.
 */
async function halvesOf(plugin: string): Promise<Readonly<Record<PluginSide, string | null>>> {
  if (!existsSync(plugin)) throw new MezError('MEZ_PLUGIN_NOT_FOUND', `${plugin} does not exist`)
  if (!statSync(plugin).isDirectory()) {
    const isAgent = /^agent\.[cm]?[jt]s$/.test(basename(plugin))
    return { hub: isAgent ? null : plugin, agent: isAgent ? plugin : null }
  }
  const manifest = await readFile(join(plugin, 'package.json'), 'utf8').catch(() => '{}')
  const { exports = {} } = readManifest(manifest, plugin)
  const half = (side: PluginSide) => {
    const source = join(plugin, `${side}.ts`)
    if (existsSync(source)) return source
    return exports[`./${side}`] === undefined ? null : plugin
  }
  const halves = { hub: half('hub'), agent: half('agent') }
  if (halves.hub !== null || halves.agent !== null) return halves
  throw new MezError('MEZ_PLUGIN_NOT_FOUND', `${plugin} has neither a hub.ts nor an exported half`, {
    hint: 'Name the folder of the plugin, or the file of its half, with --plugin.',
  })
}

function readManifest(text: string, plugin: string): { exports?: Readonly<Record<string, unknown>> } {
  try {
    return Object(JSON.parse(text))
  } catch (error) {
    throw new MezError('MEZ_PLUGIN_INVALID', `${join(plugin, 'package.json')}: ${messageOf(error)}`)
  }
}

async function readValue(file: string): Promise<unknown> {
  const { value, problems } = await readConfigFile(file)
  if (problems.length > 0) throw configError(problems)
  return value
}

/** `mezhub.yaml` of a hub with this half of the plugin; null: the plugin has none. */
export const devSettings = (dir: string, port: number, half: string | null, config: unknown) => ({
  cluster_name: 'development',
  data_dir: join(dir, 'data'),
  shutdown_grace: '0s',
  proxy: {
    listen_addr: `127.0.0.1:${port}`,
    public_addr: `hub.mezite.localhost:${port}`,
    apps_domain: 'apps.mezite.localhost',
    shutdown_delay: '0',
  },
  diagnostics: { listen_addr: '127.0.0.1:0' },
  // In YAML, a key without a value loads a plugin without configuration; an undefined one would be left out.
  plugins: half === null ? {} : { [half]: config ?? null },
})
