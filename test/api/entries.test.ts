/** The two entries that plugin authors import, and the folder of contracts behind them. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { importsOf, root, sourcesOf, textOf } from '../read-imports.ts'

const DECLARED = /^export (?:const|class|function|interface|type) ([\w$]+)/gm
const LISTED = /^export (?:type )?\{([\s\S]*?)\} from/gm
const FORWARDED = /^export \* from '(.*)'/gm

/** The names that a module exports, values and types. */
function namesOf(file: string): string[] {
  const text = textOf(file)
  return [
    ...[...text.matchAll(DECLARED)].map(([, name]) => name!),
    ...[...text.matchAll(LISTED)].flatMap(([, list]) =>
      list!
        .split(',')
        .map((name) => name.trim().replace(/^type /, ''))
        .filter(Boolean),
    ),
    ...[...text.matchAll(FORWARDED)].flatMap(([, path]) => namesOf(join(dirname(file), path!))),
  ]
}

const [main, protocol] = [namesOf('core/index.ts'), namesOf('core/protocol.ts')]

t.test('the main entry has at most 80 names', (t) => {
  t.comment(`@mezite/core: ${main.length} names, @mezite/core/protocol: ${protocol.length}`)
  t.ok(main.length > 40 && main.length <= 80, `${main.length} names`)
  t.strictSame([...new Set(main)].length, main.length)
  t.end()
})

t.test('a name is in one of the entries', (t) => {
  // Programs that only speak a protocol load nothing else.
  const both = ['Clock', 'isMezError']
  t.strictSame(main.filter((name) => protocol.includes(name)).sort(), both)
  t.end()
})

t.test('what the protocol entry exports is marked unstable', (t) => {
  t.match(textOf('core/protocol.ts'), /^\/\*\*[\s\S]*?Unstable until 1\.0/)
  t.end()
})

t.test('the contracts import the kernel and each other, types included', (t) => {
  const foreign = importsOf(sourcesOf('core/api')).filter(
    ({ to, package: of }) => of === null && /^core\//.test(to) && !/^core\/(api|kernel)\//.test(to),
  )
  t.strictSame(foreign, [])
  t.end()
})

t.test('wire, agent, loader, log and kernel take no type from the hub', (t) => {
  const lower = ['core/wire', 'core/agent', 'core/loader', 'core/log', 'core/kernel'].flatMap(sourcesOf)
  t.strictSame(
    importsOf(lower).filter(({ to }) => to.startsWith('core/hub/')),
    [],
  )
  t.end()
})

t.test('a plugin can be published with its declarations', (t) => {
  const out = mkdtempSync(join(tmpdir(), 'mezite-declarations-'))
  t.teardown(() => rmSync(out, { recursive: true }))
  const options = [
    ...['--declaration', '--emitDeclarationOnly', '--skipLibCheck', '--strict'],
    ...['--module', 'nodenext', '--target', 'esnext', '--types', 'node'],
    ...['--allowImportingTsExtensions', '--customConditions', 'mezite-source', '--outDir', out],
  ]
  const compiler = join(root, 'node_modules/.bin/tsc')
  const fixture = join(root, 'test/api/fixtures/hub.ts')
  const { stdout } = spawnSync(compiler, ['--ignoreConfig', ...options, fixture], { encoding: 'utf8' })
  t.equal(stdout, '')
  t.match(readFileSync(join(out, 'hub.d.ts'), 'utf8'), /export declare const hub: .*AnyPlugin/)
  t.end()
})
