/** The suites for plugin authors: they pass for the examples, and fail for what they are there to find. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { defineHubPlugin } from '../../core/index.ts'
import {
  type ConformTest,
  conformDialer,
  conformPackage,
  conformPolicy,
  conformTest,
  testTarget,
} from '../../core/testing/index.ts'
import officeHours from '../../examples/office-hours/hub.ts'
import unixSocketDialer from '../../examples/unix-socket-dialer/agent.ts'
import { root } from '../read-imports.ts'

/** Runs a suite, one test after the other, with the adapter for other frameworks; returns the names of its failed tests. */
async function failuresOf(suite: (t: ConformTest) => void): Promise<readonly string[]> {
  const tests: [name: string, run: () => Promise<void>][] = []
  suite(conformTest((name, run) => tests.push([name, run])))
  const failed: string[] = []
  for (const [name, run] of tests) await run().catch(() => failed.push(name))
  return failed
}

t.test('a policy', async (t) => {
  const config = { from: 9, to: 17 }
  t.strictSame(await failuresOf((t) => conformPolicy(t, officeHours, { config })), [])
  const policy = (vote: 'clock' | 'date' | 'reason' | 'throws') =>
    defineHubPlugin({
      name: 'policy',
      api: 1,
      summary: 'A policy',
      setup({ clock, tap }) {
        tap.access.decide(
          (_query, ballot) => {
            if (vote === 'throws') throw new Error('broken')
            if (vote === 'reason') return ballot.deny('Not Snake Case')
            const hour = (vote === 'date' ? new Date() : new Date(clock.now())).getHours()
            if (hour % 2 === 0) ballot.deny('even_hour')
          },
          { pure: true },
        )
      },
    })
  for (const vote of ['clock', 'date'] as const) {
    const impure = await failuresOf((t) => conformPolicy(t, policy(vote)))
    t.strictSame(impure, ['a pure policy does not depend on the clock'], vote)
  }
  for (const vote of ['reason', 'throws'] as const) {
    const wrong = await failuresOf((t) => conformPolicy(t, policy(vote)))
    t.match(wrong, [/votes on every query/], vote)
  }
})

t.test('a dialer', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'app.sock')
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket))
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => server.close())
  const options = {
    config: { sockets: { wiki: path, gone: `${path}.gone` } },
    echo: testTarget('wiki', 'http://127.0.0.1:1'),
    unreachable: testTarget('gone', 'http://127.0.0.1:1'),
    foreign: testTarget('other', 'http://127.0.0.1:1'),
  }
  conformDialer(t, unixSocketDialer, options)
  const greedy = { ...options, foreign: options.echo, unreachable: options.foreign }
  t.strictSame(await failuresOf((t) => conformDialer(t, unixSocketDialer, greedy)), [
    'it leaves other targets to the agent',
    'a target that cannot be reached is an error in time',
  ])
})

t.test('a package', async (t) => {
  const dir = t.testdir()
  const write = (name: string, manifest: object, half: string): string => {
    const folder = join(dir, name)
    mkdirSync(join(folder, 'dist'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(folder, 'dist/hub.js'), half)
    writeFileSync(join(folder, 'dist/hub.d.ts'), 'export {}')
    return folder
  }
  const half = `export default { name: 'curfew', side: 'hub', api: 1, summary: 'Denies', setup() {} }`
  const exports = { './hub': { types: './dist/hub.d.ts', default: './dist/hub.js' } }
  const good = { name: 'mezite-plugin-curfew', version: '1.0.0', type: 'module', exports }
  conformPackage(t, write('good', good, half))
  const bad = {
    ...{ name: 'curfew', version: '1', type: 'module', scripts: { postinstall: 'true' } },
    exports: { './hub': { types: './dist/none.d.ts', default: './dist/hub.js' } },
  }
  const failed = await failuresOf((t) => conformPackage(t, write('bad', bad, 'export default {}')))
  t.equal(failed.length, 4, failed.join('; '))
})

t.test('the suites run under node:test', (t) => {
  const file = join(t.testdir(), 'policy.test.js')
  const kit = pathToFileURL(join(root, 'core/testing/index.ts')).href
  const plugin = pathToFileURL(join(root, 'examples/office-hours/hub.ts')).href
  const lines = [
    "import { test } from 'node:test'",
    `import { conformPlugin, conformPolicy, conformTest } from '${kit}'`,
    `import plugin from '${plugin}'`,
    'const config = { from: 9, to: 17 }',
    'conformPlugin(conformTest(test), plugin, { config })',
    'conformPolicy(conformTest(test), plugin, { config })',
  ]
  writeFileSync(file, lines.join('\n'))
  const { TAP: _, NODE_TEST_CONTEXT: __, ...env } = process.env
  const { stdout, status } = spawnSync(process.execPath, ['--test-reporter=tap', file], {
    encoding: 'utf8',
    env,
  })
  t.equal(status, 0, stdout)
  t.match(stdout, /^# pass 7$/m)
  t.end()
})
