// together: quick
/** The few files that a start loads instead of hundreds of modules of ours. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { joinModules } from '../../oclif-cli/packaging/joined-modules.ts'

/** A module as the compiler leaves it. */
const compiled = (name: string, text: string) => ({
  [`${name}.js`]: text,
  [`${name}.d.ts`]: 'export {}',
  [`${name}.js.map`]: JSON.stringify({ version: 3, sources: [`${name}.ts`], names: [], mappings: '' }),
})

const manifest = {
  name: 'joined',
  version: '1.0.0',
  exports: { './hub': { types: './dist/hub.d.ts', default: './dist/hub.js' }, './agent': './dist/agent.js' },
}
const PLACE = 'export const places = [import.meta.url, import.meta.dirname, import.meta.filename]'

function packageOf(t: Test): string {
  return t.testdir({
    dist: {
      ...compiled(
        'hub',
        "export { count } from './parts/count.js'\nexport { places } from './parts/place.js'",
      ),
      ...compiled(
        'agent',
        "export { count } from './parts/count.js'\nexport const seen = import('./parts/late.js')",
      ),
      ...compiled('commands', 'export const COMMANDS = {}'),
      parts: {
        ...compiled(
          'count',
          "import { basename } from 'node:path'\nexport const count = { of: basename('/one') }",
        ),
        ...compiled('place', `${PLACE}`),
        ...compiled('late', "export { count } from './count.js'\nexport const late = true"),
        ...compiled('thread', "import { count } from './count.js'\nexport const thread = count"),
        'page.txt': 'text',
      },
      browser: { 'script.js': 'alert(1)' },
    },
  })
}
t.test('entries share the modules that they import, and a module knows its place as before', async (t) => {
  const folder = packageOf(t)
  const load = (file: string) => import(pathToFileURL(join(folder, 'dist', file)).href)
  await joinModules(folder, manifest)
  for (const file of ['count', 'place', 'late'])
    for (const ending of ['.js', '.js.map'])
      t.notOk(existsSync(join(folder, 'dist/parts', file + ending)), `${file}${ending} is in another file`)
  t.ok(existsSync(join(folder, 'dist/parts/count.d.ts')), 'declarations stay')
  const [hub, agent, thread] = await Promise.all(['hub.js', 'agent.js', 'parts/thread.js'].map(load))
  t.strictSame(hub.count, { of: 'one' })
  t.equal(agent.count, hub.count)
  t.equal(thread.thread, hub.count, 'what nobody imports stays')
  const { late, count } = await agent.seen
  t.ok(late)
  t.equal(count, hub.count)
  const parts = join(folder, 'dist/parts')
  t.strictSame(hub.places, [pathToFileURL(join(parts, 'place.js')).href, parts, join(parts, 'place.js')])
  t.equal(statSync(join(folder, 'dist/hub.js')).mode & 0o777, 0o644)
})

t.test('commands and scripts for browsers stay as they are', async (t) => {
  const folder = packageOf(t)
  const files = ['commands.js', 'browser/script.js', 'parts/page.txt'].map((file) =>
    join(folder, 'dist', file),
  )
  const before = files.map((file) => readFileSync(file, 'utf8'))
  await joinModules(folder, manifest)
  t.strictSame(
    files.map((file) => readFileSync(file, 'utf8')),
    before,
  )
})
