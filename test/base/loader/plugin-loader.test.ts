// together: quick
import {
  chmodSync,
  chownSync,
  cpSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type LoadOptions, loadEachPlugin, loadPlugins } from '../../../core/base/loader/plugin-loader.ts'
import { MezError } from '../../../core/kernel/error.ts'

const fixtures = join(import.meta.dirname, 'fixtures')
const core = join(import.meta.dirname, '../../../core')

const load = (plugins: Record<string, unknown>, options: Partial<LoadOptions> = {}) =>
  loadPlugins({
    side: 'hub',
    standard: [],
    plugins,
    folder: fixtures,
    program: core,
    deadlineMs: 30_000,
    ...options,
  })

const refusal = async (...args: Parameters<typeof load>): Promise<MezError> => {
  const error: unknown = await load(...args).then(
    () => new Error('it loaded'),
    (reason) => reason,
  )
  if (!(error instanceof MezError)) throw error
  return error
}

/** A folder with packages in node_modules, made from the good fixture. */
const project = (
  t: { testdir(): string },
  packages: Record<string, { name: string; version?: string; core?: unknown }>,
) => {
  const dir = t.testdir()
  mkdirSync(join(dir, 'node_modules/@mezite'), { recursive: true })
  symlinkSync(core, join(dir, 'node_modules/@mezite/core'))
  for (const [path, { name, version = '1.2.3', core: range }] of Object.entries(packages)) {
    const folder = join(dir, 'node_modules', path)
    mkdirSync(folder, { recursive: true })
    const manifest = {
      name: path,
      version,
      type: 'module',
      exports: { './hub': './hub.js' },
      ...(range === undefined ? {} : { peerDependencies: { '@mezite/core': range } }),
    }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    writeFileSync(
      join(folder, 'hub.js'),
      `export default { side: 'hub', name: '${name}', api: 1, summary: '', setup() {} }`,
    )
  }
  return dir
}

t.test('a file by a relative or absolute path, and a folder load', async (t) => {
  const plugins = await load({ './good.js': { size: 4 }, [join(fixtures, 'folder')]: null })
  t.match(plugins, [
    { key: './good.js', file: join(fixtures, 'good.js'), config: { size: 4 }, plugin: { name: 'good' } },
    { file: join(fixtures, 'folder/hub.js'), config: null, plugin: { name: 'folder', version: '4.5.6' } },
  ])
})

t.test('short names, prefixed and scoped packages load from the folder of the configuration', async (t) => {
  const folder = project(t, {
    'mezite-plugin-geo': { name: 'geo' },
    'mezite-plugin-zip': { name: 'zip' },
    '@acme/mezite-plugin-map': { name: 'map', version: '9.0.0' },
  })
  const keys = { geo: {}, 'mezite-plugin-zip': {}, '@acme/mezite-plugin-map': {} }
  const plugins = await load(keys, { folder })
  t.strictSame(
    plugins.map(({ plugin }) => [plugin.name, plugin.version]),
    [
      ['geo', '1.2.3'],
      ['zip', '1.2.3'],
      ['map', '9.0.0'],
    ],
  )
})

t.test('a package for other versions of the core is refused before it is imported', async (t) => {
  const { version } = JSON.parse(readFileSync(join(core, 'package.json'), 'utf8')) as { version: string }
  for (const range of [`^${version}`, '*', `>=${version} <99`]) {
    const folder = project(t, { 'mezite-plugin-geo': { name: 'geo', core: range } })
    t.equal((await load({ geo: {} }, { folder }))[0]?.plugin.name, 'geo', range)
  }
  for (const range of ['^99.0.0', '<0.0.1', 'no range', 7]) {
    const folder = project(t, { 'mezite-plugin-geo': { name: 'geo', core: range } })
    writeFileSync(join(folder, 'node_modules/mezite-plugin-geo/hub.js'), 'throw new Error("imported")')
    const error = await refusal({ geo: {} }, { folder })
    t.match(error, { code: 'MEZ_PLUGIN_API', message: /'geo'.*@mezite\/core/ }, String(range))
    t.match(error.message, String(range))
  }
})

t.test('packages are found from the program when the folder of the configuration has none', async (t) => {
  const program = project(t, { 'mezite-plugin-geo': { name: 'geo' } })
  const [loaded] = await load({ geo: {} }, { program })
  t.equal(loaded?.plugin.name, 'geo')
})

t.test(
  'the standard set loads without being named, takes config by its short name, and false turns one off',
  async (t) => {
    const folder = project(t, {
      '@mezite/plugin-one': { name: 'one' },
      '@mezite/plugin-two': { name: 'two' },
    })
    const standard = ['one', 'two']
    const names = async (plugins: Record<string, unknown>) =>
      (await load(plugins, { program: folder, standard })).map(({ plugin, config }) => [plugin.name, config])
    t.strictSame(await names({}), [
      ['one', undefined],
      ['two', undefined],
    ])
    t.strictSame(await names({ two: { a: 1 }, one: false }), [['two', { a: 1 }]])
    t.strictSame(await names({ '@mezite/plugin-one': false }), [['two', undefined]])
    const slip = await refusal({ twoo: false }, { program: folder, standard })
    t.match(slip, { code: 'MEZ_PLUGIN_NOT_FOUND', hint: "Did you mean 'two: false'?" })
    const twice = await refusal({ one: {}, '@mezite/plugin-one': {} }, { program: folder, standard })
    t.match(twice, { code: 'MEZ_PLUGIN_TWICE', message: /'one'/ })
  },
)

t.test('packages beside the configuration do not replace the standard set', async (t) => {
  const program = project(t, { '@mezite/plugin-one': { name: 'one' } })
  const folder = join(program, 'site')
  const planted = join(folder, 'node_modules/@mezite/plugin-one')
  mkdirSync(planted, { recursive: true })
  cpSync(join(fixtures, 'broken-throws.js'), join(planted, 'hub.js'))
  writeFileSync(
    join(planted, 'package.json'),
    JSON.stringify({ type: 'module', exports: { './hub': './hub.js' } }),
  )
  const options = { side: 'hub', folder, program, standard: ['one'] } as const
  for (const plugins of [{}, { one: {} }, { '@mezite/plugin-one': {} }]) {
    const [loaded] = await load(plugins, options)
    t.equal(loaded?.file, join(program, 'node_modules/@mezite/plugin-one/hub.js'))
    t.equal((await loadEachPlugin({ ...options, plugins })).length, Object.keys(plugins).length)
  }
})

t.test(
  'the one file of the page about plugins loads where nothing is installed, and past another copy of the core',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'mezite-plugin-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const page = readFileSync(
      join(import.meta.dirname, '../../../plugins/docs/pages/build/plugin.md'),
      'utf8',
    )
    const [, text = ''] = /```ts\n(import .*?)```/s.exec(page) ?? []
    for (const name of ['alone.js', 'beside.js']) writeFileSync(join(folder, name), text)
    const [alone] = await load({ './alone.js': { from: 9, to: 17 } }, { folder })
    t.match(alone?.plugin, { name: 'office-hours', side: 'hub' })
    const copy = join(folder, 'node_modules/@mezite/core')
    mkdirSync(copy, { recursive: true })
    writeFileSync(join(copy, 'package.json'), '{"type":"module","exports":"./index.js"}')
    writeFileSync(join(copy, 'index.js'), "throw new Error('another copy')")
    t.equal((await load({ './beside.js': { from: 9, to: 17 } }, { folder })).length, 1)
  },
)

t.test('reports a package that is not found', async (t) => {
  const folder = project(t, { 'mezite-plugin-geo': { name: 'geo' } })
  t.match(await refusal({ geoo: {} }, { folder }), {
    code: 'MEZ_PLUGIN_NOT_FOUND',
    message: /'geoo' is not installed; looked for @mezite\/plugin-geoo and mezite-plugin-geoo/,
    hint: "Did you mean 'geo'?",
  })
  // The program brings it along, loaded or not: nobody is to be sent to the registry for a slip of the pen.
  const program = join(import.meta.dirname, '../../../core/hub')
  t.match(await refusal({ 'audit-fil': {} }, { folder, program }), { hint: "Did you mean 'audit-file'?" })
  t.match(await refusal({ '@acme/nothing': {} }, { folder }), { hint: /npm install @acme\/nothing in / })
  t.match(await refusal({ '@acme/../../x': {} }, { folder }), { code: 'MEZ_PLUGIN_NOT_FOUND' })
})

t.test('reports a path that is not found', async (t) => {
  t.match(await refusal({ './goood.js': {} }), {
    code: 'MEZ_PLUGIN_NOT_FOUND',
    message: `plugin './goood.js': ${join(fixtures, 'goood.js')} does not exist`,
    hint: /Did you mean '(\.\/)?good\.js'\?/,
  })
})

t.test('reports a folder without a manifest, and one whose export does not exist', async (t) => {
  t.match(await refusal({ './no-manifest': {} }), {
    code: 'MEZ_PLUGIN_NOT_FOUND',
    message: /no-manifest has no readable package\.json/,
    hint: /exports '\.\/hub'/,
  })
  t.match(await refusal({ './missing-file': {} }), {
    code: 'MEZ_PLUGIN_NOT_FOUND',
    message: /does not exist/,
    hint: /build/,
  })
})

t.test('reports a syntax error', async (t) => {
  t.match(await refusal({ './broken-syntax.js': {} }), {
    code: 'MEZ_PLUGIN_BROKEN',
    message: /plugin '\.\/broken-syntax\.js' \(.*Unexpected identifier/,
    hint: /node --check \S+broken-syntax\.js/,
  })
})

t.test('reports the error that a module throws as the cause', async (t) => {
  const error = await refusal({ './broken-throws.js': {} })
  t.match(error, { code: 'MEZ_PLUGIN_BROKEN', message: /broken-throws\.js.*no licence file/, cause: Error })
})

t.test('refuses a module without a default export', async (t) => {
  t.match(await refusal({ './no-default.js': {} }), {
    code: 'MEZ_PLUGIN_INVALID',
    message: /no-default\.js\) has no default export/,
    hint: /defineHubPlugin/,
  })
})

t.test('refuses a default export that is not a definition', async (t) => {
  t.match(await refusal({ './not-a-definition.js': {} }), {
    code: 'MEZ_PLUGIN_INVALID',
    message: /'not-a-definition'.*has no valid 'setup'/,
    hint: /defineHubPlugin/,
  })
})

t.test('refuses a definition for the agent, and a package with only that half', async (t) => {
  t.match(await refusal({ './wrong-side.js': {} }), {
    code: 'MEZ_PLUGIN_SIDE',
    message: /'wrong-side'.*agent half of a plugin, not the hub half/,
  })
  t.match(await refusal({ './agent-half': {} }), {
    code: 'MEZ_PLUGIN_SIDE',
    message: /'\.\/agent-half'.*for the agent/,
  })
})

t.test('refuses a definition with another api version', async (t) => {
  t.match(await refusal({ './wrong-api.js': {} }), {
    code: 'MEZ_PLUGIN_API',
    message: /'wrong-api'.*wrong-api\.js.*plugin api 2, this program supports 1/,
    hint: /version of the plugin/,
  })
})

t.test('refuses two plugins with the same name', async (t) => {
  t.match(await refusal({ './good.js': {}, './twin.js': {} }), {
    code: 'MEZ_PLUGIN_TWICE',
    message: /'good': .*good\.js and .*twin\.js/,
    hint: /false/,
  })
})

t.test('gives up an import that hangs', async (t) => {
  const keepAlive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(keepAlive))
  t.match(await refusal({ './hanging.js': {} }, { deadlineMs: 50 }), {
    code: 'MEZ_PLUGIN_HANGS',
    message: /hanging\.js.*within 50 ms/,
    hint: /lifecycle\.start/,
  })
})

t.test('reports a missing dependency of a plugin', async (t) => {
  t.match(await refusal({ './missing-dependency.js': {} }), {
    code: 'MEZ_PLUGIN_DEPENDENCY',
    message: /missing-dependency\.js.*'a-package-that-is-not-installed'/,
    hint: /npm install/,
  })
})

t.test('a schema that takes unknown keys is refused', async (t) => {
  t.match(await refusal({ './open-schema.js': {} }), {
    code: 'MEZ_PLUGIN_INVALID',
    hint: /Type\.Closed/,
  })
})

t.test('Q188 a plugin file that others can write is not loaded', async (t) => {
  const dir = t.testdir()
  const file = join(dir, 'plugin.js')
  cpSync(join(fixtures, 'broken-throws.js'), file)
  for (const mode of [0o646, 0o664]) {
    chmodSync(file, mode)
    t.match(await refusal({ './plugin.js': {} }, { folder: dir }), {
      code: 'MEZ_PLUGIN_UNSAFE',
      message: `plugin './plugin.js': ${file} can be written by users other than its owner`,
      hint: /chmod go-w/,
    })
  }
  chmodSync(file, 0o644)
  chmodSync(dir, 0o777)
  t.match(await refusal({ './plugin.js': {} }, { folder: dir }), {
    code: 'MEZ_PLUGIN_UNSAFE',
    message: /written by users other than its owner/,
  })
  chmodSync(dir, 0o755)
  t.match(
    await refusal({ './plugin.js': {} }, { folder: dir }),
    { code: 'MEZ_PLUGIN_BROKEN' },
    'now it is imported',
  )
})

t.test('Q188 a package may be written by its group, not by everybody', async (t) => {
  const folder = project(t, { 'mezite-plugin-geo': { name: 'geo' } })
  const file = join(folder, 'node_modules/mezite-plugin-geo/hub.js')
  chmodSync(file, 0o664)
  t.equal((await load({ geo: {} }, { folder })).length, 1)
  chmodSync(file, 0o666)
  t.match(await refusal({ geo: {} }, { folder }), { code: 'MEZ_PLUGIN_UNSAFE' })
})

t.test('Q188 a plugin is not loaded if others can write its manifest, link or folders', async (t) => {
  const dir = t.testdir({ site: {}, lib: { acme: {} }, open: {} })
  const site = join(dir, 'site')
  const acme = join(dir, 'lib/acme')
  cpSync(join(fixtures, 'good.js'), join(acme, 'hub.js'))
  writeFileSync(join(acme, 'package.json'), '{"type":"module","exports":{"./hub":"./hub.js"}}')
  symlinkSync('../lib/acme', join(dir, 'open/link'))
  symlinkSync('../open/link', join(site, 'linked'))
  const unsafe = async (key: string, path: string, mode: number) => {
    chmodSync(path, mode)
    const message = `plugin '${key}': ${path} can be written by users other than its owner`
    t.match(await refusal({ [key]: {} }, { folder: site }), { code: 'MEZ_PLUGIN_UNSAFE', message }, path)
    chmodSync(path, path.endsWith('.json') ? 0o644 : 0o755)
    t.equal((await load({ [key]: {} }, { folder: site })).length, 1)
  }
  await unsafe('../lib/acme', join(acme, 'package.json'), 0o666)
  await unsafe('../lib/acme', acme, 0o777)
  await unsafe('../lib/acme', join(dir, 'lib'), 0o777)
  await unsafe('../lib/acme/hub.js', dir, 0o777)
  await unsafe('./linked', join(dir, 'open'), 0o777)
  chmodSync(join(dir, 'open'), 0o1777)
  t.equal((await load({ './linked': {} }, { folder: site })).length, 1, 'as below /tmp')
})

t.test(
  'Q188 a plugin that belongs to another user is not loaded',
  { skip: process.getuid?.() !== 0 && 'only root can give files away' },
  async (t) => {
    const STRANGER = 65_534
    const dir = t.testdir({ program: {}, shared: {} })
    const shared = join(dir, 'shared')
    cpSync(join(fixtures, 'good.js'), join(shared, 'good.js'))
    symlinkSync('good.js', join(shared, 'link.js'))
    for (const name of ['good.js', 'link.js', '.']) {
      const path = join(shared, name)
      lchownSync(path, STRANGER, STRANGER)
      t.match(await refusal({ './link.js': {} }, { folder: shared }), {
        code: 'MEZ_PLUGIN_UNSAFE',
        message: `plugin './link.js': ${path.replace(/\/$/, '')} belongs to the user ${STRANGER}, who is neither root nor the user of this program`,
        hint: /chown -h root/,
      })
      lchownSync(path, 0, 0)
    }
    chownSync(join(shared, 'good.js'), STRANGER, STRANGER)
    const program = join(dir, 'program')
    chownSync(program, STRANGER, STRANGER)
    t.equal(
      (await load({ './good.js': {} }, { folder: shared, program })).length,
      1,
      'the owner of the program',
    )
  },
)

t.test('several plugins that do not load are reported together', async (t) => {
  await t.rejects(load({ './no-default.js': {}, './wrong-api.js': {} }), {
    errors: [{ code: 'MEZ_PLUGIN_INVALID' }, { code: 'MEZ_PLUGIN_API' }],
  })
})
