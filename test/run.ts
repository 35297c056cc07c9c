/**
 * `npm test`: format and lint, types, the build of all packages, every test, and one plain closing line. `--shard 1/3` runs a
 * third of the tests, and `--coverage` also counts which lines of the core they run, which takes half as long again. Named
 * files run alone. `npm run check` (`--check`) needs nothing but npm: format and lint, types, and the tests of units and rooms.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { startPostgres, type TestPostgres } from '../core/testing/postgres.ts'
import { installPackages } from '../oclif-cli/packaging/installed-packages.ts'
import { bundleDependencies } from './bundled-dependencies.ts'
import { bundlePrograms } from './bundled-programs.ts'
import { coverageOf } from './coverage.ts'
import { memoryFolder } from './memory-folder.ts'
import { missingOf, provide, thisMachine } from './needed-programs.ts'
import { root } from './read-imports.ts'
import { closingLine, readTally, type Tally } from './tally.ts'
import { runFiles } from './test-files.ts'
import { TestReport } from './test-report.ts'
import { marksOf, needsOf, shardOf, type Unit, unitsOf } from './units.ts'

/** Least share of lines of `core` that the tests must run, in percent. */
const CORE_COVERAGE = 90

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    coverage: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    shard: { type: 'string', default: '1/1' },
  },
})
/** Everything, what `npm run check` runs, or the files that somebody named. */
const mode = values.check ? 'check' : positionals.length > 0 ? 'files' : 'all'
/**
 * The marks of files that start no program and no hub. `npm run check` runs each in so many processes, which share its files: some
 * files only wait.
 */
const QUICK: Readonly<Record<string, number>> = { quick: 3, rooms: 2 }

function chosenUnits(): readonly Unit[] {
  if (mode === 'files') return unitsOf(positionals)
  const all = shardOf(unitsOf(), values.shard)
  if (mode !== 'check') return all
  return all.flatMap(({ name, files }) => {
    const parts = QUICK[name] ?? 0
    // What needs a program is left to `npm test`, so that a check is the same everywhere.
    const own = files.filter((file) => needsOf(file).size === 0)
    const isLong = (file: string) => marksOf(file).long !== undefined
    const ordered = [...own.filter(isLong), ...own.filter((file) => !isLong(file))]
    return Array.from({ length: parts }, (_, part) => ({
      name: `${name} ${part + 1}/${parts}`,
      files: ordered,
      sharedAs: name,
    }))
  })
}

/** These units without the files whose programs this machine lacks and cannot get, and what is to be said of those. */
async function runnable(units: readonly Unit[]): Promise<{ units: readonly Unit[]; notRun: string | null }> {
  const needs = new Set(units.flatMap(({ files }) => files.flatMap((file) => [...needsOf(file)])))
  const lacking = missingOf(needs)
  const missing = await provide(lacking, thisMachine())
  const lacks = (file: string) => missing.some((name) => needsOf(file).has(name))
  const left = units.map((unit) => ({ ...unit, files: unit.files.filter((file) => !lacks(file)) }))
  const skipped = units.flatMap(({ files }) => files.filter(lacks))
  if (skipped.length === 0) return { units, notRun: null }
  const notRun = `${skipped.length} files not run: they need ${missing.join(', ')}; npm run setup`
  return { units: left.filter(({ files }) => files.length > 0), notRun: `${skipped.join('\n')}\n${notRun}` }
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

/** Databases that have been migrated once, for tests to copy: migrations take a hub as long as the rest of its start. */
interface MigratedDatabases {
  /** Folder of an embedded one. */
  readonly folder: string
  /** URL of one on a PostgreSQL server; null: there is no server. */
  readonly url: string | null
}

async function migrateDatabases(
  folder: string,
  postgres: TestPostgres | null,
  env: NodeJS.ProcessEnv,
): Promise<MigratedDatabases> {
  const program = join(import.meta.dirname, 'state/database/migrated-database.ts')
  const url = (await postgres?.createDatabase()) ?? null
  const args = [program, join(folder, 'seed'), ...(url === null ? [] : [url])]
  const child = spawn('node', args, { stdio: 'inherit', env })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error('the databases for the tests were not created')
  return { folder: join(folder, 'seed', 'database'), url }
}

/** The environment of every test, and of the programs that tests start; `folder` is for their temporary files. */
async function environment(folder: string): Promise<NodeJS.ProcessEnv> {
  // A bundle takes longer than it saves one file, and a check starts no program.
  const bundles = { all: bundlePrograms, check: bundleDependencies, files: () => null }
  const preload = await bundles[mode]()
  const options = ['--conditions=mezite-source', '--disable-warning=ExperimentalWarning']
  return {
    ...process.env,
    // On a disk, a copy of the embedded database takes as much processor time as a start of the hub.
    TMPDIR: folder,
    NODE_OPTIONS: [...options, ...(preload === null ? [] : [`--import=${preload}`])].join(' '),
    ...(preload === null ? {} : { MEZITE_TEST_PRELOAD: preload }),
    // Hundreds of programs load the same sources.
    NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compiled'),
  }
}

/** Environments of tests, from what is ready at once to what takes longest. */
interface Environments {
  readonly bare: NodeJS.ProcessEnv
  readonly migrated: Promise<NodeJS.ProcessEnv>
  readonly complete: Promise<NodeJS.ProcessEnv>
}

/** Null: no test ran. */
async function runTests(
  units: readonly Unit[],
  { bare, migrated, complete }: Environments,
): Promise<Tally | null> {
  const report = new TestReport((line) => process.stdout.write(`${line}\n`))
  // Units and rooms start no program: they run while the packages are made.
  const envOf = async ({ name, sharedAs }: Unit) => {
    const mark = sharedAs ?? name
    if (!(mark in QUICK)) return complete
    const env = mark === 'quick' ? bare : await migrated
    if (sharedAs === undefined) return env
    const claims = join(folder, 'claims', sharedAs)
    mkdirSync(claims, { recursive: true })
    return { ...env, MEZITE_TEST_CLAIMS: claims }
  }
  const tally = await (values.coverage
    ? runWithCoverage(units, await complete, report)
    : runFiles(units, envOf, report, mode === 'check' ? { atOnce: units.length } : {}))
  const failures = report.failures()
  if (failures.length > 0) process.stdout.write(`\n# What failed\n${failures.join('\n')}\n`)
  return tally
}

async function runWithCoverage(
  units: readonly Unit[],
  env: NodeJS.ProcessEnv,
  report: TestReport,
): Promise<Tally | null> {
  // The runner takes files alone.
  const folder = join(root, '.tap/units')
  mkdirSync(folder, { recursive: true })
  const files = units.map(({ name, files }) => {
    if (files.length === 1) return name
    const file = join(folder, `${name}.test.ts`)
    const list = JSON.stringify(files)
    writeFileSync(file, `process.argv.push(...${list})\nawait import('../../test/together.ts')\n`)
    return file
  })
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

const { units, notRun } = await runnable(chosenUnits())
const checking = mode === 'files' ? [] : runChecks()
// Short, because paths of sockets begin with it; and other users start their programs there.
const folder = mkdtempSync(join(memoryFolder(), 'mez-'))
chmodSync(folder, 0o1777)
const needsServer = units.some(({ files }) => files.some((file) => needsOf(file).has('PostgreSQL')))
const [postgres, env] = await Promise.all([
  needsServer ? startPostgres(memoryFolder()) : null,
  environment(folder),
])
// Programs of end-to-end tests are the packages as they are published.
const built =
  mode === 'all'
    ? check('Packages', 'node', ['oclif-cli/packaging/installed-packages.ts'])
    : Promise.resolve(true)
async function withDatabases(): Promise<NodeJS.ProcessEnv> {
  if (!needsServer && mode === 'files') return env
  const databases = await migrateDatabases(folder, postgres, env)
  return {
    ...env,
    MEZITE_TEST_DATABASE: databases.folder,
    ...(databases.url !== null && { MEZITE_TEST_POSTGRES: databases.url }),
  }
}
const migrated = withDatabases()
const complete = Promise.all([built, migrated]).then(async ([held, env]) => ({
  ...env,
  ...(mode === 'all' && held && { PACKAGES_UNDER_TEST: await installPackages() }),
}))
const tally = await runTests(units, { bare: env, migrated, complete })
await postgres?.close()
rmSync(folder, { recursive: true, force: true })
const checks = [await built, ...(await checking)]
if (values.coverage) checks.push(coverageHolds())
// Where nobody reads it, a test that does not run is one that fails.
if (notRun !== null && process.env.CI) checks.push(false)
const failedChecks = checks.filter((held) => !held).length
if (notRun !== null) process.stdout.write(`\n${notRun}\n`)
process.stdout.write(`\n${closingLine(tally, failedChecks)}\n`)
process.exitCode = failedChecks > 0 || tally === null || tally.failed > 0 ? 1 : 0
