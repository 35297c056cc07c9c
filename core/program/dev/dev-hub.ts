/** The process of one hub of `mezhub dev`. It loads the code of a hub, then the plugin, starts when it may, and runs until it ends. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type LoadedPlugin, loadPlugins } from '../../base/loader/plugin-loader.ts'
import { createLog } from '../../base/log/program-log.ts'
import { loadConfig } from '../../hub/config/config-loader.ts'
import { standardPlugins } from '../../hub/config/standard-plugins.ts'
import { createHub } from '../../hub/hub.ts'
import { isMezError, printError } from '../../kernel/error.ts'
import { adminClient } from '../admin/admin-client.ts'
import { hubParts } from '../parts/hub-parts.ts'
import type { DevHub } from './dev-command.ts'
import type { DevMessage, DevReport } from './hub-supervisor.ts'
import { type LocalAgent, loadAgent, startLocalAgent } from './local-agent.ts'
import { withStacks } from './stack-printing.ts'
import { signInPath, testPerson } from './test-person.ts'

process.umask(0o077)
// The supervisor alone decides when a hub ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

const print = (text: string) => void process.stderr.write(text)
const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

/** Prints an error with the stacks of its causes, which are those of the plugin. */
function printStacks(error: unknown): void {
  if (error instanceof AggregateError) for (const one of error.errors) printStacks(one)
  else if (!isMezError(error)) print(`${stackOf(error)}\n`)
  else {
    printError(error, print)
    for (let one = error.cause; one !== undefined; one = (one as Error).cause) print(`${stackOf(one)}\n`)
  }
}

const fail = (error: unknown): void => {
  printStacks(error)
  // Node.js itself prints the line of a syntax error, which its stack does not have.
  const { cause } = (error ?? {}) as { cause?: unknown }
  if (cause instanceof SyntaxError && !/^file:|^\//.test(cause.stack ?? '')) throw cause
  process.exit(1)
}

/** Of the hub's own log only warnings matter here, of the plugin's log every line. */
const hubLog = createLog({ level: 'warn', format: 'text' })
const pluginLog = createLog({ level: 'debug', format: 'text' })
/** The agent's own lines say nothing about a plugin. */
const agentLog = createLog({ level: 'error', format: 'text', write() {} })

function observed(loaded: LoadedPlugin): LoadedPlugin {
  const { name } = loaded.plugin
  const report = (where: string, error: unknown) =>
    print(`\nplugin '${name}' failed in ${where}:\n${stackOf(error)}\n\n`)
  return { ...loaded, plugin: withStacks(loaded.plugin, pluginLog.child({ plugin: name }), report) }
}

/** Starts the hub; returns the lines for the developer. */
async function start({ file, agentHalf, agentConfig, secret, dir }: DevHub): Promise<readonly string[]> {
  const { config, plugins } = await loadConfig({ file, env: {} })
  const half = await loadPlugins({
    side: 'agent',
    standard: [],
    plugins: agentHalf === null ? {} : { [agentHalf]: agentConfig },
    folder: dir,
    program: import.meta.dirname,
  })
  await mayStart.promise
  const hub = createHub({
    parts: hubParts,
    config,
    plugins: [
      ...plugins.map((one) => (standardPlugins.includes(one.key) ? one : observed(one))),
      { plugin: testPerson(secret), key: 'development', file: '', config: undefined },
    ],
    log: hubLog,
  })
  let agent: LocalAgent | null = null
  stop = async () => {
    await agent?.stop(0)
    await hub.stop()
  }
  await hub.start()
  const { hubOrigin, signInOrigin, appsDomain, portSuffix } = config.publicNames
  const api = adminClient(join(config.data_dir, 'admin.sock'))
  try {
    agent = await startLocalAgent({ api, url: hubOrigin }, half.map(observed), agentLog)
  } catch (error) {
    if (agentHalf !== null || !isMezError(error, 'MEZ_PLUGIN_DEPENDENCY')) throw error
  }
  const lines = [
    `  sign in      ${signInOrigin}${signInPath(secret)}`,
    `  mezctl       MEZITE_DATA_DIR=${config.data_dir} mezctl status --plugins`,
  ]
  if (agent === null)
    return [...lines, '  no agent     npm install @mezite/agent brings an example application']
  const uri = await startExample()
  const app = {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'example' },
    spec: { uri, agents: [agent.hostname] },
  }
  await api('PUT', '/apps/example', app)
  return [
    ...lines,
    `  application  https://example.${appsDomain}${portSuffix} shows the requests that it receives`,
  ]
}

/** An application that responds with the head of the request; resolves to its URI. */
async function startExample(): Promise<string> {
  const server = createServer(({ method, url, rawHeaders }, response) => {
    const fields = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []))
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.end(`${method} ${url}\n${fields.join('\n')}\n`)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

let stop = async () => {}
const mayStart = Promise.withResolvers<void>()
process.once('disconnect', () => void stop().finally(() => process.exit()))
process.on('message', (message: DevMessage) => {
  if (message === 'start') return mayStart.resolve()
  process.on('uncaughtException', (error) => {
    process.removeAllListeners('uncaughtException')
    fail(error)
  })
  start(message).then((ready) => process.send?.({ ready } satisfies DevReport), fail)
})
// Standard plugins and the agent load in advance as well. A package that is missing is reported at the start.
await loadPlugins({
  side: 'hub',
  standard: standardPlugins,
  plugins: {},
  folder: import.meta.dirname,
  program: import.meta.dirname,
})
await loadAgent().catch(() => {})
