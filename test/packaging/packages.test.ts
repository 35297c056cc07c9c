// needs: PostgreSQL, systemd
// long
/** The packages as they are published, in a folder that knows nothing of the repository. */
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import t from 'tap'
import { createPostgresDatabase } from '../../core/testing/test-database.ts'
import { KINDS } from '../../oclif-cli/create-mezite-plugin/generator.ts'
import { debianPackages, writeDebianPackage } from '../../oclif-cli/packaging/debian-packages.ts'
import { writeExecutables } from '../../oclif-cli/packaging/executables.ts'
import { writeLocalPackages } from '../../oclif-cli/packaging/local-packages.ts'
import { lockOf, writeShrinkwrap } from '../../oclif-cli/packaging/locks.ts'
import { bumped, releasedChangelog, withVersion } from '../../oclif-cli/packaging/versions.ts'
import { publishedWorkspaces, root } from '../../oclif-cli/packaging/workspaces.ts'
import { DOMAIN_URL } from '../bundled-dependencies.ts'
import { TestReport } from '../test-report.ts'
import { until } from '../until.ts'
import { startRecorded } from './start-recorded.ts'

const PROXY = '{ listen_addr: 127.0.0.1:0, public_addr: hub.localhost, apps_domain: apps.localhost }'
/** Tests of the examples of the guide for authors, relative to `test`. `test/run.ts` runs them here alone. */
const GUIDE = [
  './examples/commands.test.ts',
  './examples/framed-transport.test.ts',
  './examples/hub-plugins.test.ts',
  './examples/office-hours.test.ts',
  './examples/small-plugins.test.ts',
]
/** Packages of which tests look at what npm packs. */
const LISTED = ['hub', 'mezctl', 'msh']
const folder = mkdtempSync(join(tmpdir(), 'mezite-packages-'))
t.teardown(() => rmSync(folder, { recursive: true }))
// `npm run packages-check` installs with npm, which takes a minute.
const modules = await writeLocalPackages(folder)

/** The files that npm packs from each of these folders: it takes longer to start than to list them. */
function listPacked(folders: readonly string[]): readonly (readonly PackedFile[])[] {
  const args = ['pack', '--dry-run', '--json', ...folders]
  const { stdout } = spawnSync('npm', args, { encoding: 'utf8', cwd: folder, maxBuffer: 64 << 20 })
  return (JSON.parse(stdout) as { files: PackedFile[] }[]).map(({ files }) => files)
}
interface PackedFile {
  readonly path: string
  readonly size: number
}

const packed = new Map(
  listPacked(LISTED.map((name) => join(modules, '@mezite', name))).map((files, at) => [LISTED[at], files]),
)

t.test('the package of the hub brings an empty database along', (t) => {
  const { version } = JSON.parse(
    readFileSync(join(root, 'node_modules/@electric-sql/pglite/package.json'), 'utf8'),
  )
  const database = packed.get('hub')!.find(({ path }) => path.endsWith('.zst'))
  t.match(database, { path: `dist/empty-database-${version}.zst` })
  t.ok(database!.size < 3_000_000, `${database!.size} bytes`)
  t.end()
})

t.test('P181 users of mezctl and msh install no yarn', (t) => {
  for (const name of ['mezctl', 'msh']) {
    const folder = join(modules, '@mezite', name)
    const { dependencies, bundleDependencies } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    )
    t.strictSame(bundleDependencies, ['@oclif/plugin-plugins'])
    const bundled = join(folder, 'node_modules/@oclif/plugin-plugins')
    const plugins = JSON.parse(readFileSync(join(bundled, 'package.json'), 'utf8'))
    t.notOk('yarn' in plugins.dependencies || 'yarn' in dependencies)
    for (const one of Object.keys(plugins.dependencies))
      t.ok(one in dependencies || existsSync(join(bundled, 'node_modules', one)), `${name} brings ${one}`)
    const paths = packed.get(name)!.map(({ path }) => path)
    t.ok(paths.includes('node_modules/@oclif/plugin-plugins/lib/plugins.js'), 'npm packs it')
    t.ok(paths.includes('node_modules/@oclif/plugin-plugins/node_modules/which/package.json'))
    t.strictSame(
      paths.filter((path) => /(?:^|\/)yarn\//.test(path)),
      [],
    )
  }
  t.end()
})

t.test('P181 each package names the repository', (t) => {
  for (const { path, manifest } of publishedWorkspaces()) {
    const { repository } = JSON.parse(readFileSync(join(modules, manifest.name, 'package.json'), 'utf8'))
    t.match(repository, { type: 'git', url: /^git\+https:\/\//, directory: path })
  }
  t.end()
})

t.test('P181 programs are packed with the versions and hashes of the lock file', (t) => {
  const all = publishedWorkspaces()
  const folderOf = (name: string) => join(modules, name)
  const own = new Map(
    all.map(({ manifest: { name } }) => [name, { folder: folderOf(name), integrity: `sha512-of-${name}` }]),
  )
  const { packages: known } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const hashes = new Set(Object.values<{ integrity?: string }>(known).map(({ integrity }) => integrity))
  const programs = all
    .filter(({ manifest }) => manifest.bin !== undefined)
    .map(({ manifest }) => manifest.name)
  const copies = programs.map((_, at) => join(folder, `packed-${at}`))
  for (const [at, name] of programs.entries()) {
    const folder = copies[at]!
    mkdirSync(folder)
    cpSync(join(folderOf(name), 'package.json'), join(folder, 'package.json'))
    if (existsSync(join(folderOf(name), 'node_modules')))
      cpSync(join(folderOf(name), 'node_modules'), join(folder, 'node_modules'), { recursive: true })
    writeShrinkwrap(folder, own)
    const { packages } = JSON.parse(readFileSync(join(folder, 'npm-shrinkwrap.json'), 'utf8'))
    for (const [path, entry] of Object.entries<{ integrity?: string; inBundle?: true }>(packages)) {
      if (path === '' || entry.inBundle) continue
      const isOwn = own.get(path.replace(/^.*node_modules\//, ''))?.integrity === entry.integrity
      if (!isOwn && !hashes.has(entry.integrity)) t.fail(`${name}: the hash of ${path}`)
    }
    t.notOk(Object.keys(packages).some((path) => path.endsWith('/yarn')))
    // Npm itself says whether something is missing or has another version.
    const args = ['ls', '--all', '--package-lock-only', '--omit=dev']
    const { status, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' })
    t.equal(status, 0, `${name} ${stderr}`)
  }
  const listed = listPacked(copies)
  for (const [at, name] of programs.entries())
    t.ok(
      listed[at]!.some(({ path }) => path === 'npm-shrinkwrap.json'),
      `that of ${name} is published`,
    )
  const mezctl = JSON.parse(readFileSync(join(folderOf('@mezite/mezctl'), 'package.json'), 'utf8'))
  t.throws(() => lockOf(mezctl, folderOf('@mezite/mezctl'), new Map()), /@mezite\/\S+ is not locked/)
  t.end()
})

const bins = new Map(
  publishedWorkspaces().flatMap(({ manifest }) =>
    Object.entries(manifest.bin ?? {}).map(
      ([name, file]) => [name, join(modules, manifest.name, file)] as const,
    ),
  ),
)

/** Runs a published program of a folder, without this repository's export condition. */
function runIn(cwd: string, program: string, ...args: string[]): { status: number | null; output: string } {
  const { NODE_OPTIONS: _, ...env } = process.env
  const file = join(cwd, 'node_modules', relative(modules, bins.get(program)!))
  const options = { cwd, env: { ...env, HOME: cwd }, encoding: 'utf8' } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], options)
  return { status, output: stdout + stderr }
}
const run = (program: string, ...args: string[]) => runIn(folder, program, ...args)

/**
 * A folder outside of the repository, as an author has it: what npm has installed from the packs, which `npm test` says in
 * `PACKAGES_UNDER_TEST`, with the compiler. If this file runs alone, it is the folder with the staged packages.
 */
function authorsFolder(): string {
  const installed = process.env.PACKAGES_UNDER_TEST
  if (installed === undefined) return folder
  const author = mkdtempSync(join(tmpdir(), 'mezite-author-'))
  t.teardown(() => rmSync(author, { recursive: true }))
  mkdirSync(join(author, 'node_modules'))
  const tools = ['typescript', '@typescript', '@types']
  const linked = (from: string, names: readonly string[]) => {
    for (const name of names) symlinkSync(join(from, name), join(author, 'node_modules', name))
  }
  linked(
    installed,
    readdirSync(installed).filter((name) => !tools.includes(name)),
  )
  linked(join(root, 'node_modules'), tools)
  return author
}

t.test('the four programs and the generator of plugins run', (t) => {
  const programs = ['mezctl', 'mezd', 'mezhub', 'msh']
  t.strictSame([...bins.keys()].sort(), [
    ...['create-mezite-plugin', 'docker-credential-mezite'],
    ...programs,
  ])
  t.equal(run('create-mezite-plugin', 'curfew', '--kind', 'policy').status, 0)
  for (const program of programs) {
    t.match(run(program, '--version'), { status: 0, output: new RegExp(`^${program} \\d+\\.\\d+\\.\\d+\n`) })
  }
  const help = run('mezctl', '--help')
  t.match(help, { status: 0, output: /^ {2}roles [\s\S]*^ {2}traffic /m }, 'with the commands of plugins')
  t.notMatch(help.output, 'warning')
  for (const program of ['mezctl', 'msh']) {
    const before = run(program, '--help')
    const classes = join(modules, `@mezite/${program}/dist/command-classes.js`)
    renameSync(classes, `${classes}.away`)
    const without = run(program, '--help')
    renameSync(`${classes}.away`, classes)
    t.strictSame(without, before, `${program} lists its commands without loading them`)
    t.equal(without.status, 0)
  }
  const rbac = join(modules, '@mezite/plugin-rbac')
  renameSync(rbac, `${rbac}.away`)
  const lacking = run('mezctl', '--help')
  renameSync(`${rbac}.away`, rbac)
  t.equal(lacking.status, 0)
  t.notMatch(lacking.output, /^ {2}roles /m, 'without the commands of a package that is not installed')
  t.match(lacking.output, /^ {2}bots /m)
  t.end()
})

t.test('generated plugins of every kind pass their own tests, and load', async (t) => {
  const kinds = Object.keys(KINDS)
  const author = authorsFolder()
  const run = (program: string, ...args: string[]) => runIn(author, program, ...args)
  for (const kind of kinds) {
    t.equal(run('create-mezite-plugin', `ts-${kind}`, '--kind', kind).status, 0)
    t.equal(run('create-mezite-plugin', `js-${kind}`, '--kind', kind, '--javascript').status, 0)
  }
  // As `npm run build` in each of them does, in one program.
  await t.test('and their declarations compile, as do those of one-line helpers', async (t) => {
    cpSync(join(import.meta.dirname, 'fixtures/one-line-helpers.ts'), join(author, 'helpers/one-line.ts'))
    writeFileSync(join(author, 'helpers/package.json'), '{"type":"module"}')
    const options = {
      extends: './ts-policy/tsconfig.json',
      compilerOptions: { rootDir: '.', outDir: 'declared' },
    }
    writeFileSync(
      join(author, 'tsconfig.json'),
      JSON.stringify({ ...options, include: ['ts-*/*.ts', 'helpers/*.ts'] }),
    )
    const compiled = spawnSync(process.execPath, [join(author, 'node_modules/typescript/bin/tsc')], {
      cwd: author,
      encoding: 'utf8',
    })
    t.equal(compiled.stdout, '', 'no error')
    const declared = globSync(['declared/ts-*/*.d.ts'], { cwd: author })
    t.equal(declared.length, globSync('ts-*/*.ts', { cwd: author }).length)
    const helpers = readFileSync(join(author, 'declared/helpers/one-line.d.ts'), 'utf8')
    const named = helpers.match(/import\("@mezite\/core\/types"\)\.\w+/g) ?? []
    t.ok(new Set(named).size > 15, `${new Set(named).size} types have a name in @mezite/core/types alone`)
  })
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, TAP: ___, ...env } = process.env
  const written = globSync(['ts-*/*.test.ts', 'js-*/*.test.js'], { cwd: author })
  t.equal(written.length, 2 * kinds.length)
  // The tests of these kinds start a hub, which once is enough. One process loads the core once.
  const files = written.filter((file) => !/js-(sign-in|app-kind|resource|denial-help)/.test(file))
  const args = ['--test', '--test-reporter=tap', '--test-isolation=none', ...files]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: author, env }).catch(
    (error) => error,
  )
  t.match(stdout, /^# fail 0$/m, stdout)
  for (const [program, side, settings] of [
    ['mezhub', 'hub', `data_dir: data\nproxy: ${PROXY}\n`],
    ['mezd', 'agent', 'proxy_addr: hub.localhost:443\ndata_dir: agent\n'],
  ] as const) {
    const plugins = kinds
      .filter((kind) => existsSync(join(author, `js-${kind}/${side}.js`)))
      .map((kind) => {
        const config = join(author, `js-${kind}`, side === 'hub' ? 'dev.yaml' : 'dev-agent.yaml')
        const lines = existsSync(config) ? readFileSync(config, 'utf8').trimEnd().split('\n') : []
        return `  ./js-${kind}:\n${lines.map((line) => `    ${line}\n`).join('')}`
      })
    writeFileSync(join(author, `${side}.yaml`), `${settings}plugins:\n${plugins.join('')}`)
    // What these configurations read from the environment.
    for (const name of ['ALICE_PASSWORD', 'HOOK_SECRET', 'WEBHOOK_SECRET']) process.env[name] = 'a secret'
    const { status, output } = run(program, 'config', 'check', '--config', `${side}.yaml`)
    t.equal(status, 0, output)
  }
})

/** What failed in the output of tests, with lines short enough to read. */
function failuresIn(tap: string): readonly string[] {
  const report = new TestReport(() => {})
  for (const line of tap.split('\n')) report.line(line)
  return report.failures().map((line) => line.slice(0, 200))
}

t.test('the examples of the guide for authors pass their own tests, with these packages', async (t) => {
  const halves = globSync('examples/*/{hub,agent,commands}.ts', { cwd: root })
  for (const each of new Set(halves.map(dirname))) {
    cpSync(join(root, each), join(folder, each), { recursive: true })
    const guide = join(root, each, 'README.md')
    const [, file] = existsSync(guide)
      ? (/(examples\/[\w-]+\.test\.ts)\)/.exec(readFileSync(guide, 'utf8')) ?? [])
      : []
    t.ok(file === undefined || GUIDE.includes(`./${file}`), `${each} is tried by ${file ?? 'no guide'}`)
    for (const source of globSync(`${each}/*.ts`, { cwd: folder, exclude: ['**/*.test.ts'] })) {
      const text = readFileSync(join(folder, source), 'utf8')
      const packages = [...text.matchAll(/ from '(@mezite\/[^']+)'/g)].map(([, name]) => name!)
      t.ok(
        packages.every((name) =>
          /^@mezite\/(core(\/(protocol|identity|administration|types))?|cli(\/identity)?)$/.test(name),
        ),
        `${source}: ${packages}`,
      )
      t.notMatch(text, /\bas (any|never|unknown)\b/, `${source} needs no cast`)
    }
  }
  for (const file of GUIDE) cpSync(join(root, 'test', file), join(folder, 'test', file))
  writeFileSync(join(folder, 'test/guide.js'), GUIDE.map((file) => `import '${file}'\n`).join(''))
  // What `npm test` gives every test beside its bundles.
  writeFileSync(
    join(folder, 'test/without-domains.js'),
    `import { registerHooks } from 'node:module'
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'async-hook-domain'
      ? { url: ${JSON.stringify(DOMAIN_URL)}, format: 'module', shortCircuit: true }
      : next(specifier, context),
})
`,
  )
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, TAP: ___, ...env } = process.env
  const options = { cwd: folder, env, maxBuffer: 64 << 20 }
  const args = ['--import=./test/without-domains.js', 'test/guide.js']
  const run = promisify(execFile)(process.execPath, args, options)
  const { stdout, stderr } = await run.catch((error) => error)
  const [count = 'no count'] = /^# \{ total: .*/m.exec(stdout) ?? []
  t.match(count, /^# \{ total: \d+, pass: \d+ \}$/, 'every test passes', {
    failures: failuresIn(stdout),
    stderr,
  })
})

t.test('the suites run under vitest', async (t) => {
  const lines = [
    "import { conformPlugin, conformPolicy, conformTest } from '@mezite/core/testing'",
    "import { test } from 'vitest'",
    "import plugin from '../policy-for-vitest/hub.js'",
    'const config = { from: 9, to: 17 }',
    'conformPlugin(conformTest(test), plugin, { config })',
    'conformPolicy(conformTest(test), plugin, { config })',
  ]
  t.equal(run('create-mezite-plugin', 'policy-for-vitest', '--kind', 'policy', '--javascript').status, 0)
  mkdirSync(join(folder, 'vitest'))
  writeFileSync(join(folder, 'vitest/policy.test.js'), lines.join('\n'))
  const program = join(root, 'node_modules/vitest/vitest.mjs')
  const args = [program, 'run', '--dir', 'vitest', '--pool', 'threads', '--reporter', 'verbose']
  const { NODE_OPTIONS: _, FORCE_COLOR: __, ...env } = process.env
  const options = { cwd: folder, env: { ...env, NO_COLOR: '1' } }
  const { stdout } = await promisify(execFile)(process.execPath, args, options).catch((error) => error)
  t.match(stdout, /Tests +14 passed/)
})

t.test('the hub loads its standard set and a third-party plugin by package name', (t) => {
  const plugin = join(modules, 'mezite-plugin-curfew')
  mkdirSync(plugin)
  writeFileSync(
    join(plugin, 'package.json'),
    '{"type":"module","version":"1.2.3","exports":{"./hub":"./hub.js"}}',
  )
  writeFileSync(
    join(plugin, 'hub.js'),
    `import { defineHubPlugin } from '@mezite/core'
export default defineHubPlugin({ name: 'curfew', api: 1, summary: 'Denies', setup({ tap }) {
  tap.access.decide((_query, vote) => vote.deny('curfew'))
} })
`,
  )
  writeFileSync(join(folder, 'mezhub.yaml'), `data_dir: data\nproxy: ${PROXY}\nplugins: { curfew: }\n`)
  const { status, output } = run('mezhub', 'config', 'check', '--config', 'mezhub.yaml')
  t.equal(status, 0, output)
  t.match(output, /is valid; it loads \d+ plugins/)
  t.end()
})

/** What a start loads of others: it may only become less. Who adds one says in the commit why the start needs it. */
const LOADED = [
  ...[
    '@electric-sql/pglite',
    'kysely',
    'typebox',
    'yaml',
    'uuid',
    'semver',
    'tapable',
    'fastest-levenshtein',
  ],
  ...['htm', 'preact', 'preact-render-to-string', 're2js'],
  // Fastify and what it consists of.
  ...['@fastify/error', '@fastify/forwarded', '@fastify/proxy-addr', 'abstract-logging', 'avvio', 'fastify'],
  ...['fast-decode-uri-component', 'fast-deep-equal', 'fast-json-stringify', 'fast-querystring', 'fastq'],
  ...[
    'fastify-plugin',
    'find-my-way',
    'ipaddr.js',
    'process-warning',
    'ret',
    'reusify',
    'rfdc',
    'safe-regex2',
  ],
  ...['secure-json-parse', 'toad-cache'],
  // The log.
  ...['@pinojs/redact', 'atomic-sleep', 'on-exit-leak-free', 'pino', 'pino-std-serializers'],
  ...['quick-format-unescaped', 'safe-stable-stringify', 'sonic-boom', 'thread-stream'],
]
/** With PostgreSQL also these. */
const POSTGRES = /^(pg|pg-.*|postgres-.*|xtend)$/

t.test('a start loads no package before something needs it', async (t) => {
  const postgres = await createPostgresDatabase('empty')
  t.teardown(() => postgres?.drop())
  for (const url of [null, ...(postgres === null ? [] : [postgres.url])]) {
    // The path of its socket must be short.
    const home = mkdtempSync(join(tmpdir(), 'mezite-start-'))
    t.teardown(() => rmSync(home, { recursive: true }))
    const database = url === null ? '' : `database: { driver: postgres, url: '${url}' }\n`
    writeFileSync(join(home, 'mezhub.yaml'), `data_dir: data\nproxy: ${PROXY}\n${database}`, { mode: 0o600 })
    const args = [bins.get('mezhub')!, 'start', '--config', join(home, 'mezhub.yaml')]
    const start = () => startRecorded(home, args, { cwd: home, ready: /"ready at/ })
    // The first start of a cluster writes its certificates.
    await (await start()).stop()
    const hub = await start()
    t.teardown(hub.stop)
    const unexpected = hub
      .loaded()
      .filter((name) => !LOADED.includes(name) && !(url !== null && POSTGRES.test(name)))
    t.strictSame(unexpected, [], url === null ? 'embedded' : 'PostgreSQL')

    const loads = (name: string) => until(() => hub.loaded().includes(name), `the hub loads ${name}`)
    const socketPath = join(home, 'data/admin.sock')
    const response = await new Promise<IncomingMessage>((resolve, reject) =>
      get({ socketPath, path: '/v1/webapi/openapi.json' }, resolve).on('error', reject),
    )
    response.resume()
    t.equal(response.statusCode, 200)
    await loads('@fastify/swagger')
    const port = Number(/"port":(\d+),[^\n]*"ready at/.exec(hub.log)?.[1])
    const agent = connect({ port, ALPNProtocols: ['mezite-join/1'], rejectUnauthorized: false })
    t.teardown(() => agent.destroy())
    await once(agent, 'secureConnect')
    t.match(agent.getPeerX509Certificate()?.subjectAltName, /\.mezite\.internal$/)
    await loads('@peculiar/x509')
    await hub.stop()
  }
})

t.test('the agent loads its transports', (t) => {
  writeFileSync(join(folder, 'mezd.yaml'), 'proxy_addr: hub.localhost:443\ndata_dir: agent\n')
  const { status, output } = run('mezd', 'config', 'check', '--config', 'mezd.yaml')
  t.equal(status, 0, output)
  t.end()
})

t.test('packages that are installed beside each other find the peers that a program contains', (t) => {
  const { NODE_OPTIONS: _, ...env } = process.env
  /** As npm does: the named packages beside each other, and in each what it depends on but was not named. */
  function installTogether(named: readonly string[]): string {
    // Outside of every folder that has packages already.
    const own = mkdtempSync(join(tmpdir(), 'mezite-together-'))
    t.teardown(() => rmSync(own, { recursive: true }))
    const parent = join(own, 'node_modules')
    const put = (name: string, target: string): void => {
      if (!name.startsWith('@mezite/')) {
        mkdirSync(dirname(target), { recursive: true })
        if (!existsSync(target)) symlinkSync(join(root, 'node_modules', name), target)
        return
      }
      if (existsSync(target)) return
      cpSync(join(modules, name), target, { recursive: true })
      const { dependencies = {} } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8'))
      // Inside of a named package npm puts everything into one folder.
      const inside = named.includes(name) ? join(target, 'node_modules') : dirname(dirname(target))
      for (const one of Object.keys(dependencies)) if (!named.includes(one)) put(one, join(inside, one))
    }
    for (const name of named) put(name, join(parent, name))
    return parent
  }
  const plugin = (parent: string): void => {
    mkdirSync(join(parent, 'mezite-plugin-tables'))
    writeFileSync(
      join(parent, 'mezite-plugin-tables/package.json'),
      '{"type":"module","exports":{"./hub":"./hub.js"},"peerDependencies":{"kysely":"*","@mezite/core":"*"}}',
    )
    writeFileSync(
      join(parent, 'mezite-plugin-tables/hub.js'),
      `import { defineHubPlugin } from '@mezite/core'
import { sql } from 'kysely'
export default defineHubPlugin({ name: 'tables', api: 1, summary: 'Reads', setup() { sql.lit(1) } })
`,
    )
  }
  const all = publishedWorkspaces()
    .map(({ manifest }) => manifest.name)
    .filter((name) => name.startsWith('@mezite/'))
  for (const [what, named] of [
    ['the hub with a plugin', ['@mezite/hub']],
    ['the hub with the core', ['@mezite/hub', '@mezite/core']],
    ['every package', all],
  ] as const) {
    const parent = installTogether(named)
    plugin(parent)
    const settings = join(parent, '../mezhub.yaml')
    writeFileSync(settings, `data_dir: data\nproxy: ${PROXY}\nplugins: { tables: }\n`)
    // A link, as npm makes them for programs.
    symlinkSync(join(parent, '@mezite/hub/mezhub.js'), join(parent, '../mezhub'))
    const args = [join(parent, '../mezhub'), 'config', 'check', '--config', settings]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
    t.equal(status, 0, `${what}: ${stdout}${stderr}`)
  }
  t.end()
})

t.test('a single executable unpacks its program once, for its user alone', async (t) => {
  const targets = [process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64'] as const
  const [executable] = writeExecutables({
    program: 'msh',
    targets,
    staged: modules,
    folder,
    level: 1,
  })
  const cache = join(folder, 'cache')
  const start = (...args: string[]) =>
    spawnSync(executable!, args, { encoding: 'utf8', env: { XDG_CACHE_HOME: cache, HOME: folder } })
  t.match(start('--version'), { status: 0, stdout: /^msh \d/ })
  t.match(start('app', '--help'), { status: 0, stdout: /app login/ })
  t.match(start('logout', '--help'), { status: 0, stdout: /msh logout/ }, 'a command of a plugin')
  t.match(start('app', 'log'), { status: 2, stderr: /MEZ_USAGE_WRONG/ })
  const [manifest] = globSync('mezite/msh-*/node_modules/@mezite/msh/package.json', { cwd: cache })

  t.comment('what a power cut has emptied is unpacked again')
  truncateSync(join(cache, manifest!))
  t.equal(start('--version').status, 0)

  t.comment('code that others could have changed does not run')
  chmodSync(join(cache, 'mezite'), 0o777)
  t.match(start('--version'), { status: 1, stdout: '', stderr: /MEZ_FILE_UNWRITABLE/ })
})

t.test('the Debian package of the agent is installed, removed and purged', async (t) => {
  const root = join(folder, 'root')
  const admin = join(root, 'var/lib/dpkg')
  mkdirSync(join(admin, 'info'), { recursive: true })
  mkdirSync(join(admin, 'updates'))
  writeFileSync(join(admin, 'status'), '')
  const before = process.umask(0o077)
  const file = writeDebianPackage(debianPackages.mezd, { staged: modules, target: folder, fast: true })
  process.umask(before)
  const { stdout: contents } = spawnSync('dpkg-deb', ['--contents', file], { encoding: 'utf8' })
  t.match(contents, /^drwxr-xr-x root\/root .* \.\/etc\/mezite\/$/m, 'whatever mask its maker has')
  const dpkg = (...args: string[]) => {
    // Scripts run outside of the root, which has no shell.
    const options = [`--root=${root}`, '--force-script-chrootless', '--force-not-root', '--force-depends']
    const { status, stderr } = spawnSync('dpkg', [...options, '--no-triggers', ...args], { encoding: 'utf8' })
    t.equal(status, 0, stderr)
  }
  const there = (path: string) => existsSync(join(root, path))
  dpkg('--install', file)
  t.match(readFileSync(join(root, 'etc/passwd'), 'utf8'), /^mezite-agent:.*:\/var\/lib\/mezite-agent:/m)
  t.match(readFileSync(join(root, 'etc/group'), 'utf8'), /^mezite-agent:/m)
  t.match(readFileSync(join(root, 'usr/lib/systemd/system/mezd.service'), 'utf8'), /^Type=notify$/m)
  t.equal(statSync(join(root, 'usr/bin/mezd')).mode & 0o777, 0o755)
  const entry = readFileSync(join(root, 'usr/bin/mezd'), 'utf8').split(' ')[2]!
  const started = spawnSync(process.execPath, [join(root, entry), '--version'], { encoding: 'utf8' })
  t.match(started, { status: 0, stdout: /^mezd \d/ })

  for (const path of ['var/lib/mezite-agent', 'etc/mezite']) mkdirSync(join(root, path), { recursive: true })
  for (const path of ['var/lib/mezite-agent/key', 'etc/mezite/mezd.yaml', 'etc/mezite/join-token'])
    writeFileSync(join(root, path), '')
  dpkg('--remove', 'mezd')
  t.notOk(there('usr/bin/mezd'))
  t.notOk(there('usr/lib/mezd'), 'no file is left behind')
  t.ok(there('etc/mezite/mezd.yaml') && there('var/lib/mezite-agent/key'), 'the agent can be installed again')
  dpkg('--purge', 'mezd')
  t.notOk(there('etc/mezite') || there('var/lib/mezite-agent'))
})

t.test('a release sets versions and dates the changelog', (t) => {
  t.strictSame(
    (['major', 'minor', 'patch'] as const).map((level) => bumped('1.2.3', level)),
    ['2.0.0', '1.3.0', '1.2.4'],
  )
  const manifest = '{"version":"1.2.3","dependencies":{"@mezite/core":"1.2.3","ws":"8.0.0"}}'
  t.strictSame(JSON.parse(withVersion(manifest, '1.3.0', ['@mezite/core'])), {
    version: '1.3.0',
    dependencies: { '@mezite/core': '1.3.0', ws: '8.0.0' },
  })
  const changelog =
    '# Changelog\n\n## Unreleased\n\n- A change.\n\n## 1.2.3 (2026-01-01)\n\n- An older one.\n'
  t.equal(
    releasedChangelog(changelog, '1.3.0', '2026-02-02'),
    `# Changelog

## Unreleased

## 1.3.0 (2026-02-02)

- A change.

## 1.2.3 (2026-01-01)

- An older one.
`,
  )
  t.end()
})
