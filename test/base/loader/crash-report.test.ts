// together: quick
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { reportCrash } from '../../../core/base/loader/crash-report.ts'
import { loadPlugins } from '../../../core/base/loader/plugin-loader.ts'
import { memoryLog } from '../../../core/testing/index.ts'

const root = join(import.meta.dirname, '../../..')
const late = `export default {
  side: 'agent', name: 'late', api: 1, summary: '',
  setup() { setTimeout(() => fail(), 1) },
}
async function fail() { throw new Error('forgot to catch') }
export const failure = () => new Error('made here')
`

t.test('a plugin that rejects later is named from the stack, with the stack, once', async (t) => {
  const dir = t.testdir({ 'late.js': late, pin: 'secret' })
  const config = join(dir, 'mezd.yaml')
  writeFileSync(
    config,
    JSON.stringify({
      proxy_addr: '127.0.0.1:1',
      data_dir: join(dir, 'data'),
      join_token: { file: join(dir, 'pin') },
      ca_pin: `sha256:${'0'.repeat(64)}`,
      plugins: { './late.js': {} },
    }),
  )
  const child = spawn(process.execPath, [join(root, 'agent/mezd.js'), 'start', '--config', config])
  const [output, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  t.equal(code, 1)
  const lines = output.split('\n').filter((line) => line.includes('forgot to catch'))
  // A line that is being written when the program exits is written again.
  t.equal(new Set(lines).size, 1, output)
  t.match(JSON.parse(lines[0]!), { level: 'error', plugin: 'late', stack: /fail .*late\.js:5/ })
})

t.test('an error of the program, or of a dependency, is not attributed to a plugin', async (t) => {
  const dir = t.testdir({
    'late.js': late,
    'other.js': 'export const failure = () => new Error("made elsewhere")',
  })
  const options = {
    side: 'agent',
    standard: [],
    plugins: { './late.js': {} },
    folder: dir,
    program: root,
  } as const
  const plugins = await loadPlugins(options)
  const report = (error: unknown) => {
    const { log, lines } = memoryLog()
    reportCrash(error, plugins, log)
    t.equal(lines.length, 1)
    return lines[0]!
  }
  const { failure } = (await import(join(dir, 'late.js'))) as { failure(): Error }
  t.match(report(failure()), /of plugin 'late'/)
  t.match(report(new Error('ours')), /unexpected error, ending: ours/)
  for (const reason of [undefined, 'text', { message: 'x' }])
    t.match(report(reason), /unexpected error, ending/)
})
