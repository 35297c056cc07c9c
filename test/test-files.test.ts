import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import t from 'tap'
import { root } from './read-imports.ts'
import { runFiles } from './test-files.ts'
import { TestReport } from './test-report.ts'

const tap = JSON.stringify(import.meta.resolve('tap'))

t.test('a file that fails and leaves a port open ends soon, and names the open handles', async (t) => {
  const file = join(t.testdir(), 'leaves.test.ts')
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
  const tally = await runFiles([{ name: file, files: [file] }], async () => process.env, report, {
    silence: { longestMs: 300_000, failedMs: 2_000 },
  })
  t.equal(tally.passed, 0)
  t.ok(tally.failed > 0)
  const said = report.failures().join('\n')
  t.match(said, 'it failed')
  t.match(said, /timeout!.*type: Server/s)
})

const leaving = `import { createServer } from 'node:net'
import t from ${tap}
t.test('passes', async (t) => {
  createServer().listen(0, '127.0.0.1')
  t.pass('it')
})`

t.test('a test that leaves a port open fails, alone and in a process with others', async (t) => {
  const folder = t.testdir({
    'leaves.test.ts': leaving,
    'other.test.ts': `import t from ${tap}\nt.pass('ok')`,
  })
  const [leaves, other] = ['leaves', 'other'].map((name) => relative(root, join(folder, `${name}.test.ts`)))
  for (const files of [[leaves!], [leaves!, other!]]) {
    const report = new TestReport(() => {})
    const tally = await runFiles(
      [{ name: 'unit', files }],
      async () => ({ ...process.env, MEZITE_TEST_IDLE_MS: '2000' }),
      report,
    )
    t.ok(tally.failed > 0, `${files.length} files`)
    t.match(report.failures().join('\n'), /open: .*TCPServerWrap/)
  }
})

t.test('each file runs once, however many run at once', async (t) => {
  const folder = t.testdir()
  const files = Array.from({ length: 3 * availableParallelism() + 6 }, (_, at) =>
    join(folder, `${at}.test.js`),
  )
  for (const file of files) writeFileSync(file, "console.log('ok 1\\n1..1\\n# { total: 1, pass: 1 }')")
  const lines: string[] = []
  const units = files.map((file) => ({ name: file, files: [file] }))
  const tally = await runFiles(units, async () => process.env, new TestReport((line) => lines.push(line)))
  t.strictSame(tally, { passed: files.length, failed: 0, skipped: 0 })
  t.strictSame(
    files.filter((file) => lines.filter((line) => line.includes(` - ${file} `)).length !== 1),
    [],
  )
})

t.test('processes that share files run each of them once', async (t) => {
  const files = Array.from({ length: 8 }, (_, at) => `${at}.test.ts`)
  const folder = t.testdir({
    ...Object.fromEntries(
      files.map((name) => [
        name,
        `import { appendFileSync } from 'node:fs'
        import t from 'tap'
        appendFileSync(import.meta.dirname + '/ran', '${name} ')
        t.pass('ran')`,
      ]),
    ),
    claims: {},
  })
  const shared = files.map((name) => relative(root, join(folder, name)))
  const lines: string[] = []
  const units = ['1/2', '2/2'].map((name) => ({ name, files: shared, sharedAs: 'shared' }))
  const tally = await runFiles(
    units,
    async () => ({ ...process.env, MEZITE_TEST_CLAIMS: join(folder, 'claims') }),
    new TestReport((line) => lines.push(line)),
  )
  // Not the tally: a process that was late, and has run no file, counts as one that passed.
  t.strictSame(readFileSync(join(folder, 'ran'), 'utf8').trim().split(' ').sort(), files)
  t.equal(tally.failed, 0)
})
