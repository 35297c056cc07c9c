import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runFiles } from './test-files.ts'
import { TestReport } from './test-report.ts'

t.test('a file that fails and leaves a port open ends soon, and names the open handles', async (t) => {
  const file = join(t.testdir(), 'leaves.test.ts')
  const tap = JSON.stringify(import.meta.resolve('tap'))
  writeFileSync(
    file,
    `import { createServer } from 'node:net'
import t from ${tap}
t.test('fails', async (t) => {
  createServer().listen(0, '127.0.0.1')
  t.fail('it failed')
})`,
  )
  const report = new TestReport(() => {})
  const tally = await runFiles([file], process.env, report, { longestMs: 300_000, failedMs: 2_000 })
  t.equal(tally.passed, 0)
  t.ok(tally.failed > 0)
  const said = report.failures().join('\n')
  t.match(said, 'it failed')
  t.match(said, /timeout!.*type: Server/s)
})
