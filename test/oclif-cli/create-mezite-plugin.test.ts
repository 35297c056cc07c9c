// long
/** `npm create mezite-plugin`: each kind compiles. `test/packaging/packages.test.ts` runs their tests from packed packages. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AnyPlugin } from '@mezite/core'
import t from 'tap'
import { parse } from 'yaml'
import { createTestHost, createTestHub } from '../../core/testing/index.ts'
import { KINDS } from '../../oclif-cli/create-mezite-plugin/generator.ts'
import { root } from '../read-imports.ts'

const program = join(root, 'oclif-cli/create-mezite-plugin/create-mezite-plugin.js')
const parent = mkdtempSync(join(tmpdir(), 'mezite-create-'))
t.teardown(() => rmSync(parent, { recursive: true }))
// A generated plugin resolves packages as after npm install.
symlinkSync(join(root, 'node_modules'), join(parent, 'node_modules'))
const create = (...args: string[]) =>
  spawnSync(process.execPath, [program, ...args], { cwd: parent, encoding: 'utf8' })
const kinds = Object.keys(KINDS)
// What the configurations of generated plugins read from the environment.
for (const name of ['ALICE_PASSWORD', 'HOOK_SECRET', 'WEBHOOK_SECRET']) process.env[name] = 'a secret'

t.test('wrong usage exits 2, and a folder with files is left alone', (t) => {
  for (const args of [[], ['a'], ['a', '--kind', 'none'], ['A B', '--kind', 'policy'], ['--no-such-flag']])
    t.match(create(...args), { status: 2, stderr: /^error: .*\nUsage:/s })
  mkdirSync(join(parent, 'full/a'), { recursive: true })
  t.equal(create('full', '--kind', 'policy').status, 1)
  t.end()
})

t.test('the generator writes every kind of plugin, in both languages', (t) => {
  for (const kind of kinds) {
    t.equal(create(`ts-${kind}`, '--kind', kind).status, 0)
    t.equal(create(`mezite-plugin-js-${kind}`, '--kind', kind, '--javascript').status, 0)
    t.strictSame(globSync(`mezite-plugin-js-${kind}/*.ts`, { cwd: parent }), [])
    const manifest = JSON.parse(readFileSync(join(parent, `ts-${kind}/package.json`), 'utf8'))
    t.match(manifest, { name: `mezite-plugin-ts-${kind}`, type: 'module' })
    t.match(Object.values(manifest.peerDependencies), [/^\^\d+\.\d+\.\d+$/], 'a range')
    t.match(manifest.scripts.test, '*.test.ts', 'what a build compiles is not tested again')
  }
  t.end()
})

/** What the README of a plugin says to write into a file, by plugin. */
function configuredIn(folder: string, file: 'mezhub.yaml' | 'mezd.yaml'): Record<string, unknown> {
  const text = readFileSync(join(parent, folder, 'README.md'), 'utf8')
  const block = new RegExp(`^    # ${file}\\n((?:    .*\\n)+)`, 'm').exec(text)?.[1] ?? ''
  return (
    (parse(block.replaceAll(/^ {4}/gm, '')) as { plugins?: Record<string, unknown> } | null)?.plugins ?? {}
  )
}

t.test('a generated plugin starts with the configuration that its README shows', async (t) => {
  const half = async (kind: string, file: string): Promise<AnyPlugin | null> => {
    const path = join(parent, `ts-${kind}`, file)
    return existsSync(path) ? (await import(pathToFileURL(path).href)).default : null
  }
  const plugins: { plugin: AnyPlugin; config: unknown }[] = []
  for (const kind of kinds) {
    const [hub, agent] = [await half(kind, 'hub.ts'), await half(kind, 'agent.ts')]
    const [ofHub, ofAgent] = [
      configuredIn(`ts-${kind}`, 'mezhub.yaml'),
      configuredIn(`ts-${kind}`, 'mezd.yaml'),
    ]
    t.strictSame(Object.keys(ofHub), hub ? [hub.name] : [], `${kind}: mezhub.yaml`)
    t.strictSame(Object.keys(ofAgent), agent ? [agent.name] : [], `${kind}: mezd.yaml`)
    if (hub) plugins.push({ plugin: hub, config: ofHub[hub.name] })
    if (!agent) continue
    const started = createTestHost<'agent'>(agent, { config: ofAgent[agent.name] })
    await started.start()
    await started.stop()
  }
  t.ok(plugins.length > 10, `${plugins.length} plugins`)
  const hub = await createTestHub({ plugins })
  t.teardown(hub.stop)
  type Status = { readonly plugins: readonly { readonly name: string }[] }
  const { plugins: running } = await hub.api<Status>('GET', '/status?plugins=true')
  const names = running.map(({ name }) => name)
  t.strictSame(
    plugins.map(({ plugin }) => plugin.name).filter((name) => !names.includes(name)),
    [],
  )
})

t.test('generated plugins compile', (t) => {
  const native = `@typescript/typescript-${process.platform}-${process.arch}`
  const args = [
    '--ignoreConfig',
    '--noEmit',
    '--skipLibCheck',
    '--strict',
    '--module',
    'nodenext',
    '--types',
    'node',
    // Its threads check the same declarations several times, and its memory is not worth collecting.
    '--singleThreaded',
  ]
  const sources = [
    '--allowImportingTsExtensions',
    '--customConditions',
    'mezite-source',
    '--erasableSyntaxOnly',
  ]
  const files = globSync('ts-*/*.ts', { cwd: parent })
  const { stdout } = spawnSync(
    join(root, 'node_modules', native, 'lib/tsc'),
    [...args, ...sources, '--target', 'es2024', ...files],
    { cwd: parent, encoding: 'utf8', env: { ...process.env, GOGC: 'off', GOMEMLIMIT: '2GiB' } },
  )
  t.equal(stdout, '')
  t.end()
})
