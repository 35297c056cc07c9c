/**
 * `npm test`: format and lint, types, every test, and one plain closing line. `--coverage` also counts which lines of the
 * core the tests run, which takes half as long again.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { coverageOf } from './coverage.ts'
import { closingLine, readTally, type Tally } from './tally.ts'
import { TestReport } from './test-report.ts'

/** Least share of lines of `core` that the tests must run, in percent. */
const CORE_COVERAGE = 90

/** Real programs that the tests drive, with the Debian package that each comes from. */
const PROGRAMS = [
  { name: 'chromium', package: 'chromium', found: () => existsSync('/usr/bin/chromium') },
  { name: 'PostgreSQL', package: 'postgresql', found: () => existsSync('/usr/lib/postgresql') },
  { name: 'redis-server', package: 'redis-server', found: () => existsSync('/usr/bin/redis-server') },
  { name: 'sshd', package: 'openssh-server', found: () => existsSync('/usr/sbin/sshd') },
  { name: 'nginx', package: 'nginx', found: () => existsSync('/usr/sbin/nginx') },
  { name: 'haproxy', package: 'haproxy', found: () => existsSync('/usr/sbin/haproxy') },
  { name: 'zsh', package: 'zsh', found: () => existsSync('/usr/bin/zsh') },
  { name: 'fish', package: 'fish', found: () => existsSync('/usr/bin/fish') },
  { name: 'faketime', package: 'faketime', found: () => existsSync('/usr/bin/faketime') },
]

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { coverage: { type: 'boolean', default: false } },
})

function provideProgramsOrSay(): void {
  const missing = PROGRAMS.filter((program) => !program.found())
  if (missing.length === 0) return
  const install = `apt-get install -y --no-install-recommends ${missing.map((program) => program.package).join(' ')}`
  if (!process.env.CI) {
    process.stderr.write(
      `The tests drive ${missing.map((program) => program.name).join(', ')}; install with:\n  ${install}\n`,
    )
    process.exit(1)
  }
  const done = spawnSync('bash', ['-c', `apt-get update -qq && ${install} -qq`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (done.status !== 0) process.exit(1)
}

/** Runs a step with its output shown; resolves to its exit code. */
function step(title: string, command: string, args: readonly string[]): number {
  process.stdout.write(`\n# ${title}\n`)
  return spawnSync(command, args, { stdio: 'inherit' }).status ?? 1
}

/** Every test file, those that share the process of `quick.test.ts` left out. */
function allTests(): string[] {
  const quick = readFileSync(join(import.meta.dirname, 'quick.test.ts'), 'utf8')
  const shared = [...quick.matchAll(/^import '\.\/(.+)'$/gm)].map(([, file]) => `test/${file}`)
  return globSync('test/**/*.test.ts')
    .filter((file) => !shared.includes(file))
    .sort()
}

const NODE_OPTIONS = '--conditions=mezite-source --disable-warning=ExperimentalWarning'

/** Migrating takes a hub as long as the rest of its start: tests copy a database that has been migrated once. */
function migratedDatabase(folder: string): string {
  const program = join(import.meta.dirname, 'hub/database/migrated-database.ts')
  const { status, stdout, stderr } = spawnSync('node', [program, join(folder, 'seed')], {
    env: { ...process.env, NODE_OPTIONS },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the database for the tests was not made: ${stderr}`)
  return stdout
}

function runTests(
  files: readonly string[],
  database: string,
): Promise<{ code: number; tally: Tally | null }> {
  return new Promise((resolve) => {
    const coverage = values.coverage ? [] : ['--disable-coverage']
    const child = spawn('tap', ['run', '--reporter=tap', ...coverage, ...files], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        NODE_OPTIONS,
        // Hundreds of programs load the same sources.
        NODE_COMPILE_CACHE: join(import.meta.dirname, '../node_modules/.cache/compiled'),
        MEZITE_TEST_DATABASE: database,
      },
    })
    const report = new TestReport((line) => process.stdout.write(`${line}\n`))
    let tally: Tally | null = null
    let rest = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        tally = readTally(line) ?? tally
        // The runner wants all of everything; what is demanded is said below.
        if (!line.startsWith('# ERROR: incomplete ')) report.line(line)
      }
    })
    child.on('close', (code) => {
      const failures = report.failures()
      if (failures.length > 0) process.stdout.write(`\n# What failed\n${failures.join('\n')}\n`)
      resolve({ code: code ?? 1, tally })
    })
  })
}

function coverageHolds(): boolean {
  const covered = coverageOf('core')
  const share = covered === null ? 'unknown' : `${covered.toFixed(1)} %`
  process.stdout.write(`\n# Coverage of core: ${share} of lines, at least ${CORE_COVERAGE} % are demanded\n`)
  return covered !== null && covered >= CORE_COVERAGE
}

provideProgramsOrSay()
const checks = [
  step('Format and lint', 'biome', ['check', '--error-on-warnings', '.']) === 0,
  step('Types', 'tsc', ['--noEmit', '-p', 'tsconfig.json']) === 0,
  step('Types of the dashboard', 'tsc', ['--noEmit', '-p', 'plugins/dashboard/web/tsconfig.json']) === 0,
  // Hubs of the tests would otherwise all wait for the first one that compiles it.
  step('Scripts of the dashboard', 'node', ['plugins/dashboard/build.ts']) === 0,
]
process.stdout.write('\n# Tests\n')
const folder = mkdtempSync(join(tmpdir(), 'mezite-tests-'))
const { code, tally } = await runTests(
  positionals.length > 0 ? positionals : allTests(),
  migratedDatabase(folder),
)
rmSync(folder, { recursive: true, force: true })
if (values.coverage) checks.push(coverageHolds())
const failedChecks = checks.filter((held) => !held).length
process.stdout.write(`\n${closingLine(tally, code, failedChecks)}\n`)
process.exitCode = code !== 0 || failedChecks > 0 || tally === null ? 1 : 0
