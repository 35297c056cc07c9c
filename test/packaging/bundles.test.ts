// together: quick
/** The files that a start loads instead of libraries of hundreds of modules. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { writeBundles } from '../../oclif-cli/packaging/bundles.ts'
import { root } from '../../oclif-cli/packaging/workspaces.ts'
import { cleanEnv } from '../oclif-cli/run-program.ts'

t.test('each entry of a library has one file with everything that it exports, and its license', async (t) => {
  const folder = t.testdir()
  await writeBundles(folder)
  const files: Record<string, string> = JSON.parse(readFileSync(join(folder, 'bundled.json'), 'utf8'))
  t.ok(Object.keys(files).length > 10)
  t.ok('tapable' in files && 'uuid' in files)
  for (const [entry, file] of Object.entries(files)) {
    const bundled = await import(pathToFileURL(join(folder, file)).href)
    const original = await import(entry)
    const names = Object.keys(original).filter((name) => name !== 'module.exports')
    t.strictSame(Object.keys(bundled).toSorted(), names.toSorted(), entry)
    t.match(
      readFileSync(join(folder, file), 'utf8'),
      /permission notice|permission to use, copy, modify/i,
      file,
    )
  }
})

t.test('a program loads them for everybody who would load the same copy', (t) => {
  const pack = (name: string, text: string, more = {}) => ({
    [name]: {
      'package.json': `{"name":"${name}","version":"1.0.0","type":"module","exports":"./index.js"}`,
      'index.js': text,
      ...more,
    },
  })
  const shown = "import { from } from 'typebox'\nexport const seen = from"
  const own = { node_modules: pack('typebox', "export const from = 'its own'") }
  const folder = t.testdir({
    node_modules: {
      '@mezite': pack('core', shown, {
        dist: { bundled: { 'typebox.js': "export const from = 'bundled'" } },
      }),
      ...pack('typebox', "export const from = 'its own'"),
      ...pack('plugin', shown),
      ...pack('other', shown, own),
    },
    'package.json': '{"type":"module"}',
    'bin.js':
      "import { launch } from './node_modules/@mezite/core/launch.js'\nawait launch('bin', import.meta.url, 'entry')",
    dist: {
      'entry.js':
        "for (const name of ['@mezite/core', 'plugin', 'other']) console.log(name, (await import(name)).seen)",
    },
  })
  const core = join(folder, 'node_modules/@mezite/core')
  copyFileSync(join(root, 'core/launch.js'), join(core, 'launch.js'))
  const run = () =>
    execFileSync(process.execPath, [join(folder, 'bin.js')], { encoding: 'utf8', env: cleanEnv({}) })
  writeFileSync(join(core, 'dist/bundled/bundled.json'), '{"typebox":"typebox.js","absent":"absent.js"}')
  t.equal(run(), '@mezite/core bundled\nplugin bundled\nother its own\n')
  t.end()
})
