import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
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

t.test('each file runs once, however many run at once', async (t) => {
  const folder = t.testdir()
  const files = Array.from({ length: 3 * availableParallelism() + 6 }, (_, at) =>
    join(folder, `${at}.test.js`),
  )
  for (const file of files) writeFileSync(file, "console.log('ok 1\\n1..1\\n# { total: 1, pass: 1 }')")
  const lines: string[] = []
  const tally = await runFiles(files, process.env, new TestReport((line) => lines.push(line)))
  t.strictSame(tally, { passed: files.length, failed: 0, skipped: 0 })
  t.strictSame(
    files.filter((file) => lines.filter((line) => line.includes(` - ${file} `)).length !== 1),
    [],
  )
})
