/** `mezhub dev`, from outside: a hub for the developer of a plugin. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { devSettings } from '../../../core/program/dev/dev-command.ts'
import { watchSources } from '../../../core/program/dev/source-watch.ts'
import { Visitor } from '../../../core/testing/index.ts'
import { cpuMicroseconds, processTree } from '../../bench/processes.ts'
import { processorSlowness } from '../../processor-speed.ts'
import { root } from '../../read-imports.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'

const MEZHUB = join(root, 'core/mezhub.js')
const folder = t.testdir()
const source = (body: string) => `import { defineHubPlugin, Type } from '@mezite/core'
export default defineHubPlugin({
  name: 'header',
  api: 1,
  summary: 'Adds a header',
  config: Type.Object({ value: Type.String() }, { additionalProperties: false }),
  setup({ config, tap }) {
    tap.http.request((request) => { ${body} })
  },
})
`
const adds = (name: string, first = '') =>
  source(`${first}
      return { ...request, headers: [...request.headers, '${name}', config.value] }`)
const write = (text: string) => writeFileSync(join(folder, 'hub.ts'), text)
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
writeFileSync(join(folder, 'dev.yaml'), 'value: seen\n')
writeFileSync(
  join(folder, 'agent.ts'),
  `import { defineAgentPlugin, Type } from '@mezite/core'
export default defineAgentPlugin({
  name: 'header',
  api: 1,
  summary: 'The half of the agent, with another configuration',
  config: Type.Object({ hosts: Type.Array(Type.String()) }, { additionalProperties: false }),
  setup({ config, tap }) {
    tap.dial.open(() => null)
    console.error('agent for', config.hosts)
  },
})
`,
)
writeFileSync(join(folder, 'dev-agent.yaml'), 'hosts: [wiki]\n')
write(adds('X-First'))

t.test('a plugin without configuration is loaded too', (t) => {
  const file = stringify(devSettings('/tmp', 3080, './hub.ts', undefined))
  t.strictSame(parse(file).plugins, { './hub.ts': null })
  t.end()
})

t.test('a change of a source restarts the hub, and a line of a log does not', async (t) => {
  const sources = t.testdir()
  let changes = 0
  const watch = watchSources([sources], () => {
    changes += 1
  })
  t.teardown(() => watch.close())
  writeFileSync(join(sources, 'dev.log'), 'a line\n')
  // Longer than a burst of changes.
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(changes, 0)
  writeFileSync(join(sources, 'hub.ts'), '')
  await until(() => changes === 1, 'the change')
})

t.test('it signs the developer in, and restarts with each change of the plugin', async (t) => {
  const configs = ['--config', join(folder, 'dev.yaml'), '--agent-config', join(folder, 'dev-agent.yaml')]
  const child = spawn(process.execPath, [MEZHUB, 'dev', '--plugin', folder, ...configs])
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const printed = async (pattern: RegExp, since = 0) => {
    await until(() => pattern.test(output.slice(since)), String(pattern)).catch((error) => {
      throw new Error(`${error.message}: ${output.slice(since)}`)
    })
    return pattern.exec(output.slice(since))!
  }
  /** Changes the plugin, and waits for the line about it. */
  const change = async (text: string, pattern: RegExp) => {
    const since = output.length
    write(text)
    return printed(pattern, since)
  }

  await printed(/Ready after/)
  t.match(output, /FOR DEVELOPMENT ONLY/)
  t.match(output, /agent for \[ 'wiki' \]/)
  const [, link = ''] = await printed(/sign in +(https:\S+)/)
  const [, dataDir = ''] = await printed(/MEZITE_DATA_DIR=(\S+)/)
  const [, application = ''] = await printed(/application +(https:\S+)/)
  const visitor = new Visitor(readFileSync(join(dataDir, 'development-ca.pem'), 'utf8'))
  const { origin } = new URL(link)
  t.equal((await visitor.open(link.slice(0, -1))).status, 404, 'only the whole link signs in')
  t.equal((await visitor.open(link)).status, 200)
  const me = () => visitor.fetch(`${origin}/v1/webapi/me`)
  t.match(JSON.parse((await me()).text), { user: 'developer', roles: ['access', 'admin'] })
  t.match((await visitor.open(application)).text, /^X-First: seen$/m, 'the application receives the header')

  await change('this is not a program', /does not run\. Waiting/)
  t.match(output, /hub\.ts:1\nthis is not a program/, 'the line with the error')
  const hangs = adds('X-Never').replace('tap }) {', "tap }) { console.error('it hangs'); for (;;);")
  await change(hangs, /it hangs/)
  const fails = "if (request.path === '/fails') throw new Error('on purpose')"
  const [, seconds = ''] = await change(adds('X-Second', fails), /Restarted in ([\d.]+) s/)
  t.comment(`restarted in ${seconds} s`)
  t.equal((await me()).status, 200, 'the session outlives a restart')
  t.match((await visitor.open(application)).text, /^X-Second: seen$/m)
  const since = output.length
  await visitor.open(`${application}/fails`)
  await printed(/plugin 'header' failed in http\.request:\nError: on purpose\n +at .*hub\.ts:8/, since)

  const programs = () => processTree(child.pid!).slice(1)
  const used = (pids: readonly number[]) => pids.reduce((sum, pid) => sum + cpuMicroseconds(pid), 0) / 1_000
  await until(async () => {
    const usedBefore = used(programs())
    await new Promise((resolve) => setTimeout(resolve, 300))
    return used(programs()) - usedBefore < 20
  }, 'the next process has loaded its code')
  const before = new Map(programs().map((pid) => [pid, used([pid])]))
  const watch = startStopwatch()
  await change(adds('X-Third'), /Restarted in/)
  const lasted = watch.took()
  t.ok(lasted < 2_000, `a change is served after ${lasted} ms without what programs waited for a processor`)
  const ms = programs().reduce((sum, pid) => sum + used([pid]) - (before.get(pid) ?? 0), 0)
  const mostMs = 1_900 * processorSlowness()
  t.ok(ms < mostMs, `a restart takes ${Math.round(ms)} ms of processor time, of 2 s that it may last`)

  child.kill('SIGINT')
  const [status] = await once(child, 'exit')
  t.equal(status, 0)
  t.notOk(existsSync(dataDir), 'its data is removed')
})
