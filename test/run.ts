/**
 * `npm test`: format and lint, types, every test, and one plain closing line. `--coverage` also counts which lines of the
 * core the tests run, which takes half as long again.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { startPostgres, type TestPostgres } from '../core/testing/postgres.ts'
import { bundlePrograms } from './bundled-programs.ts'
import { coverageOf } from './coverage.ts'
import { memoryFolder } from './memory-folder.ts'
import { closingLine, readTally, type Tally } from './tally.ts'
import { runFiles } from './test-files.ts'
import { TestReport } from './test-report.ts'

/** Least share of lines of `core` that the tests must run, in percent. */
const CORE_COVERAGE = 90

/** Real programs that the tests drive, with the Debian package that each comes from. */
const PROGRAMS = [
  {
    name: 'chromium',
    package: 'chromium-headless-shell',
    found: () => ['chromium-headless-shell', 'chromium'].some((name) => existsSync(`/usr/bin/${name}`)),
  },
  { name: 'PostgreSQL', package: 'postgresql', found: () => existsSync('/usr/lib/postgresql') },
  { name: 'redis-server', package: 'redis-server', found: () => existsSync('/usr/bin/redis-server') },
  { name: 'sshd', package: 'openssh-server', found: () => existsSync('/usr/sbin/sshd') },
  { name: 'nginx', package: 'nginx', found: () => existsSync('/usr/sbin/nginx') },
  { name: 'haproxy', package: 'haproxy', found: () => existsSync('/usr/sbin/haproxy') },
  { name: 'tinyproxy', package: 'tinyproxy', found: () => existsSync('/usr/bin/tinyproxy') },
  { name: 'zsh', package: 'zsh', found: () => existsSync('/usr/bin/zsh') },
  { name: 'fish', package: 'fish', found: () => existsSync('/usr/bin/fish') },
  {
    name: 'systemd-sysusers',
    package: 'systemd',
    found: () => existsSync('/usr/bin/systemd-sysusers'),
  },
  { name: 'pebble', package: 'pebble', found: () => existsSync('/usr/bin/pebble') },
  { name: 'named', package: 'bind9', found: () => existsSync('/usr/sbin/named') },
  {
    name: 'mod_auth_openidc of Apache',
    package: 'libapache2-mod-auth-openidc',
    found: () => existsSync('/usr/lib/apache2/modules/mod_auth_openidc.so'),
  },
  { name: 'prometheus', package: 'prometheus', found: () => existsSync('/usr/bin/prometheus') },
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

/** Runs a check beside the tests, and shows its output when it has ended; resolves to whether it succeeded. */
async function check(title: string, command: string, args: readonly string[]): Promise<boolean> {
  // The compiler is written in Go; collecting its garbage takes longer than what is left of the machine's memory is worth.
  const env = { ...process.env, GOGC: 'off', GOMEMLIMIT: '2GiB' }
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const [code] = await once(child, 'close')
  process.stdout.write(`# ${title}: ${code === 0 ? 'passed' : 'failed'}\n${output}`)
  return code === 0
}

/** One after the other, and the compiler with one thread: its threads check the same declarations several times. */
async function runChecks(): Promise<readonly boolean[]> {
  const types = ['--noEmit', '--singleThreaded', '-p']
  return [
    await check('Format and lint', 'biome', ['check', '--error-on-warnings', '.']),
    await check('Types', 'tsc', [...types, 'tsconfig.json']),
    await check('Types of the dashboard', 'tsc', [...types, 'plugins/dashboard/web/tsconfig.json']),
  ]
}

/**
 * Files that take long, which must not begin when all others have ended. `database-faults` runs beside short ones: it has to
 * make more calls within the database's lock timeout than may wait.
 */
const LONG = new RegExp(
  `^test/(${[
    'agent/mezd',
    'docs/pages',
    'e2e/(?!database-faults)',
    'examples/two-regions',
    'gate/(access/gate|sessions)',
    'oclif-cli/(create|msh)',
    'packaging',
    'plugins/(acme|audit-database|backup|dashboard|tcp-apps|transport|webauthn)',
    'state/(database|hubs)',
    'testing/running',
    'traffic/listener/balancers',
  ].join('|')})`,
)

/** Files that share a process take longest. */
const rank = (file: string): number => (/^test\/[^/]+$/.test(file) ? 2 : Number(LONG.test(file)))

/** Every test file, except those that another one runs in its process. */
function allTests(): string[] {
  const shared = globSync(['test/*.test.ts', 'test/packaging/*.test.ts']).flatMap((group) =>
    [...readFileSync(group, 'utf8').matchAll(/^(?:import| ) '\.\/(.+\.test\.ts)',?$/gm)].map(
      ([, file]) => `test/${file}`,
    ),
  )
  const files = globSync('test/**/*.test.ts').filter((file) => !shared.includes(file))
  return files.sort((one, other) => rank(other) - rank(one) || one.localeCompare(other))
}

/** Databases that have been migrated once, for tests to copy: migrations take a hub as long as the rest of its start. */
interface MigratedDatabases {
  /** Folder of an embedded one. */
  readonly folder: string
  /** URL of one on a PostgreSQL server. */
  readonly url: string
}

async function migrateDatabases(
  folder: string,
  postgres: TestPostgres,
  env: NodeJS.ProcessEnv,
): Promise<MigratedDatabases> {
  const program = join(import.meta.dirname, 'state/database/migrated-database.ts')
  const url = await postgres.createDatabase()
  const child = spawn('node', [program, join(folder, 'seed'), url], { stdio: 'inherit', env })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error('the databases for the tests were not created')
  return { folder: join(folder, 'seed', 'database'), url }
}

/** The environment of every test, and of the programs that tests start; `folder` is for their temporary files. */
async function environment(folder: string): Promise<NodeJS.ProcessEnv> {
  const preload = await bundlePrograms()
  return {
    ...process.env,
    // On a disk, a copy of the embedded database takes as much processor time as a start of the hub.
    TMPDIR: folder,
    NODE_OPTIONS: `--conditions=mezite-source --disable-warning=ExperimentalWarning --import=${preload}`,
    MEZITE_TEST_PRELOAD: preload,
    // Hundreds of programs load the same sources.
    NODE_COMPILE_CACHE: join(import.meta.dirname, '../node_modules/.cache/compiled'),
  }
}

/** Null: no test ran. */
async function runTests(files: readonly string[], env: NodeJS.ProcessEnv): Promise<Tally | null> {
  const report = new TestReport((line) => process.stdout.write(`${line}\n`))
  const tally = await (values.coverage ? runWithCoverage : runFiles)(files, env, report)
  const failures = report.failures()
  if (failures.length > 0) process.stdout.write(`\n# What failed\n${failures.join('\n')}\n`)
  return tally
}

async function runWithCoverage(
  files: readonly string[],
  env: NodeJS.ProcessEnv,
  report: TestReport,
): Promise<Tally | null> {
  const child = spawn('tap', ['run', '--reporter=tap', ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  })
  const closed = once(child, 'close')
  let tally: Tally | null = null
  for await (const line of createInterface({ input: child.stdout })) {
    tally = readTally(line) ?? tally
    // The runner demands full coverage; the lower threshold is checked below.
    if (!line.startsWith('# ERROR: incomplete ')) report.line(line)
  }
  const [code] = await closed
  return tally !== null && tally.failed === 0 && code !== 0 ? { ...tally, failed: 1 } : tally
}

function coverageHolds(): boolean {
  const covered = coverageOf('core')
  const share = covered === null ? 'unknown' : `${covered.toFixed(1)} %`
  process.stdout.write(`\n# Coverage of core: ${share} of lines, at least ${CORE_COVERAGE} % are demanded\n`)
  return covered !== null && covered >= CORE_COVERAGE
}

provideProgramsOrSay()
const checking = runChecks()
// Short, because paths of sockets begin with it; and other users start their programs there.
const folder = mkdtempSync(join(memoryFolder(), 'mez-'))
chmodSync(folder, 0o1777)
const [postgres, env] = await Promise.all([startPostgres(memoryFolder()), environment(folder)])
const [databases, built] = await Promise.all([
  migrateDatabases(folder, postgres, env),
  // Before the tests, which would otherwise all wait for the first one that needs the scripts of the dashboard.
  check('Build of the packages', 'node', ['examples/packaging/build.ts']),
])
const tally = await runTests(positionals.length > 0 ? positionals : allTests(), {
  ...env,
  MEZITE_TEST_DATABASE: databases.folder,
  MEZITE_TEST_POSTGRES: databases.url,
})
await postgres.close()
rmSync(folder, { recursive: true, force: true })
const checks = [built, ...(await checking)]
if (values.coverage) checks.push(coverageHolds())
const failedChecks = checks.filter((held) => !held).length
process.stdout.write(`\n${closingLine(tally, failedChecks)}\n`)
process.exitCode = failedChecks > 0 || tally === null || tally.failed > 0 ? 1 : 0
