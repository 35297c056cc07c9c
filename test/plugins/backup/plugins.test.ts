// together: programs
/** Plugins of others that an operator has locked: none starts with other files than were accepted. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../../core/hub/config/config-loader.ts'
import { PLUGIN_LOCK } from '../../../core/program/index.ts'
import { pluginsCommand } from '../../../plugins/backup/program/plugins.ts'

const half = (name: string, more = '') => `${more}import { defineHubPlugin } from '@mezite/core'
globalThis.ran = [...(globalThis.ran ?? []), '${name}']
export default defineHubPlugin({ name: '${name}', api: 1, summary: 'Reads', setup() {} })
`
const manifest = (name: string, more = {}) =>
  JSON.stringify({ name, version: '1.0.0', type: 'module', exports: { './hub': './hub.js' }, ...more })

/** A configuration with a package that depends on another one, and a plugin of one file. */
function site(t: Test) {
  const folder = t.testdir({
    'mezhub.yaml': `data_dir: data
proxy: { listen_addr: 127.0.0.1:0, public_addr: hub.localhost, apps_domain: apps.localhost }
plugins: { geo: {}, ./hours.js: {}, acme: false }
`,
    'hours.js': half('hours'),
    node_modules: {
      'mezite-plugin-geo': {
        'package.json': manifest('mezite-plugin-geo', { dependencies: { places: '1.0.0' } }),
        'hub.js': half('geo', "import 'places'\n"),
        'data.txt': 'a',
      },
      places: {
        'package.json':
          '{"name":"places","version":"1.0.0","exports":"./index.js","dependencies":{"mezite-plugin-geo":"1"}}',
        'index.js': '',
      },
    },
  })
  const at = (...path: readonly string[]) => join(folder, ...path)
  const file = at('mezhub.yaml')
  const accept = async (...flags: readonly string[]) => {
    let printed = ''
    await pluginsCommand.run(['accept', '--config', file, ...flags], (text) => {
      printed += text
    })
    return printed
  }
  const fault = () =>
    loadConfig({ file, env: {} }).then(
      () => null,
      (error: Error & { code?: string; errors?: readonly Error[] }) => error,
    )
  return { at, file, accept, fault }
}

const ran = () => (globalThis as { ran?: readonly string[] }).ran ?? []

t.test(
  'P181 a plugin does not start once a file of it or of a package that it depends on has changed',
  async (t) => {
    const { at, accept, fault } = site(t)
    t.equal(await fault(), null, 'without a list every plugin loads')
    const printed = await accept('--yes')
    t.match(printed, /^new {6}geo 1\.0\.0\nnew {6}\.\/hours\.js without a version\nWrote /)
    t.equal(await fault(), null)
    t.equal(await accept(), 'Each plugin is as it was accepted.\n')
    for (const path of [
      'node_modules/mezite-plugin-geo/hub.js',
      'node_modules/mezite-plugin-geo/data.txt',
      'node_modules/mezite-plugin-geo/package.json',
      'node_modules/places/index.js',
      'hours.js',
    ]) {
      const before = readFileSync(at(path))
      appendFileSync(at(path), '\n')
      const key = path === 'hours.js' ? './hours.js' : 'geo'
      t.match(await fault(), { code: 'MEZ_PLUGIN_CHANGED', message: `plugin '${key}' (` }, path)
      writeFileSync(at(path), before)
      t.equal(await fault(), null, `${path} as before`)
    }
    mkdirSync(at('elsewhere'))
    writeFileSync(at('elsewhere/linked.js'), '1')
    symlinkSync(at('elsewhere'), at('node_modules/mezite-plugin-geo/more'))
    await accept('--yes')
    t.equal(await fault(), null)
    writeFileSync(at('elsewhere/linked.js'), '2')
    t.match(await fault(), { code: 'MEZ_PLUGIN_CHANGED' }, 'behind a link')
    await accept('--yes')
    writeFileSync(at('node_modules/mezite-plugin-geo/added.js'), '')
    t.match(
      await fault(),
      { code: 'MEZ_PLUGIN_CHANGED', message: /has changed since it was accepted/ },
      'a new file',
    )
    t.match(await accept('--yes'), /^changed {2}geo 1\.0\.0 -> 1\.0\.0\n/)
    t.equal(await fault(), null)
  },
)

t.test(
  'P181 a plugin that is not in the list does not start, and nothing of it runs before that is known',
  async (t) => {
    const { at, file, accept, fault } = site(t)
    await accept('--yes')
    const runs = ran().length
    mkdirSync(at('node_modules/mezite-plugin-new'))
    writeFileSync(at('node_modules/mezite-plugin-new/package.json'), manifest('mezite-plugin-new'))
    writeFileSync(at('node_modules/mezite-plugin-new/hub.js'), half('new'))
    writeFileSync(file, readFileSync(file, 'utf8').replace('geo: {}', 'new: {}'))
    t.match(await fault(), { code: 'MEZ_PLUGIN_CHANGED', message: /plugin 'new' .* was never accepted/ })
    await t.rejects(accept(), { code: 'MEZ_USAGE_WRONG', hint: /--yes/ }, 'nobody can be asked here')
    t.notOk(ran().slice(runs).includes('new'))
    t.match(await accept('--yes'), /^new {6}new 1\.0\.0\nremoved {2}geo 1\.0\.0\n/)
    t.notOk(ran().slice(runs).includes('new'), 'to accept runs nothing either')
    t.equal(await fault(), null)
    t.equal(statSync(at(PLUGIN_LOCK)).mode & 0o777, 0o644)
  },
)

t.test('P181 a damaged list refuses every plugin of others, and its removal is a choice', async (t) => {
  const { at, accept, fault } = site(t)
  for (const text of [
    '',
    '{',
    '[]',
    '{"plugins":null}',
    '{"plugins":{"geo":null}}',
    '{"plugins":{"toString":{}}}',
  ]) {
    writeFileSync(at(PLUGIN_LOCK), text)
    const error = await fault()
    t.ok(error, text)
    const all = error?.errors ?? [error]
    t.ok(
      all.every((one) => (one as { code?: string }).code === 'MEZ_PLUGIN_CHANGED'),
      text,
    )
  }
  rmSync(at(PLUGIN_LOCK))
  symlinkSync(at('none'), at(PLUGIN_LOCK))
  t.equal(await fault(), null)
  rmSync(at(PLUGIN_LOCK))
  await t.rejects(
    pluginsCommand.run(['add'], () => {}),
    { code: 'MEZ_USAGE_WRONG' },
  )
  await accept('--yes')
  t.ok(existsSync(at(PLUGIN_LOCK)))
})
