import { readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..')

interface Import {
  readonly from: string
  /** A path from the root for a file of ours, otherwise the name of the package. */
  readonly to: string
  readonly typeOnly: boolean
}

const sources = ['core', 'agent', 'plugins', 'oclif-cli'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !/(^|\/)(node_modules|dist)\//.test(file)),
)
const textOf = (file: string) => readFileSync(join(root, file), 'utf8')

const IMPORT =
  /^(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm

const imports: readonly Import[] = sources.flatMap((from) =>
  [...textOf(from).matchAll(IMPORT)].map(([statement, type, fixed, dynamic]) => {
    const target = (fixed ?? dynamic)!
    const to = target.startsWith('.') ? relative(root, join(root, dirname(from), target)) : target
    const names = /\{([^}]*)\}/
      .exec(statement)?.[1]
      ?.split(',')
      .map((name) => name.trim())
    const onlyTypes = names?.filter(Boolean).every((name) => name.startsWith('type ')) ?? false
    return { from, to, typeOnly: type !== undefined || (onlyTypes && !statement.includes('import(')) }
  }),
)

const ours = (path: string) => sources.includes(path)
/** Prints what broke a rule, so that the failure says what to change. */
const offenders = (breaks: (one: Import) => boolean) =>
  imports.filter(breaks).map(({ from, to }) => `${from} imports ${to}`)

t.test('the search for imports finds them', (t) => {
  t.ok(imports.length > 50)
  t.ok(imports.some(({ from, to }) => from === 'core/kernel/kernel.ts' && to === 'core/kernel/hooks.ts'))
  t.ok(imports.some(({ to, typeOnly }) => to === 'core/kernel/hook.ts' && typeOnly))
  t.end()
})

t.test('the kernel imports nothing of ours but itself, and knows no HTTP, TLS or SQL', (t) => {
  const foreign = /^(node:(http2?|https|tls|net)|fastify.*|kysely|pg|undici|@mezite\/.*)$/
  const fromKernel = (from: string) => from.startsWith('core/kernel/')
  t.strictSame(
    offenders(({ from, to }) => fromKernel(from) && (foreign.test(to) || (ours(to) && !fromKernel(to)))),
    [],
  )
  t.end()
})

t.test('only core/kernel/hooks.ts imports tapable', (t) => {
  t.strictSame(
    offenders(({ from, to }) => to === 'tapable' && from !== 'core/kernel/hooks.ts'),
    [],
  )
  t.end()
})

t.test("rooms import each other's types only; the hub and its program connect them", (t) => {
  const room = (path: string) => /^core\/hub\/([^/]+)\//.exec(path)?.[1]
  // Configuration is what every room may read, limits what every room counts with: rooms without a life.
  const crosses = ({ from, to, typeOnly }: Import) =>
    room(from) !== undefined &&
    room(to) !== undefined &&
    room(from) !== room(to) &&
    !typeOnly &&
    !['config', 'limits'].includes(room(to)!)
  // Problem is thrown and caught across rooms: the one class among the contracts.
  t.strictSame(
    offenders((one) => crosses(one) && one.to !== 'core/hub/web/problem.ts'),
    [],
  )
  t.end()
})

t.test('wire and agent have nothing of the hub but types', (t) => {
  t.strictSame(
    offenders(
      ({ from, to, typeOnly }) =>
        from.startsWith('core/wire/') && /^(core\/(hub|agent)|agent|plugins)\//.test(to) && !typeOnly,
    ),
    [],
  )
  t.strictSame(
    offenders(
      ({ from, to, typeOnly }) =>
        /^(core\/)?agent\//.test(from) &&
        to.startsWith('core/hub/') &&
        !typeOnly &&
        !to.startsWith('core/hub/config/'),
    ),
    [],
  )
  t.end()
})

t.test('plugins import @mezite/core and packages, never each other or files of the core', (t) => {
  const folder = (path: string) => /^plugins\/[^/]+\//.exec(path)?.[0]
  const leaves = ({ to }: Import) =>
    to.startsWith('@mezite/')
      ? !/^@mezite\/core(\/testing)?$/.test(to)
      : /^(core|agent|oclif-cli|plugins)\//.test(to)
  t.strictSame(
    offenders((one) => {
      const own = folder(one.from)
      // Commands of a plugin build on the CLI's own package.
      if (own === undefined || one.to.startsWith(own) || one.to === '@mezite/cli-shared') return false
      return leaves(one)
    }),
    [],
  )
  t.end()
})

t.test('no file has more than 300 lines', (t) => {
  t.strictSame(
    sources
      .map((file) => `${file}: ${textOf(file).split('\n').length}`)
      .filter((line) => Number(line.split(': ')[1]) > 301),
    [],
  )
  t.end()
})

t.test('the kernel stays under 900 lines of code that runs', (t) => {
  // Types, comments and imports do not run; the list of error codes grows with the project, not with the kernel.
  const files = sources.filter((file) => file.startsWith('core/kernel/') && !file.endsWith('/error-codes.ts'))
  const running = (file: string) =>
    stripTypeScriptTypes(textOf(file))
      .replaceAll(/\/\*\*[\s\S]*?\*\//g, '')
      .replaceAll(/^import [\s\S]*?from '.*'$/gm, '')
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.trim().startsWith('//'))
  const lines = files.flatMap(running).length
  t.comment(`${lines} lines`)
  t.ok(lines < 900, `${lines} lines`)
  t.end()
})

t.test('E80 every way to an app asks the same access call, and nobody else decides', (t) => {
  const asking = sources.filter((file) => /(?<!tap\.)\baccess\.decide\(/.test(textOf(file))).sort()
  t.strictSame(asking, [
    'core/hub/sessions/create-sessions.ts',
    'core/hub/web/sign-in/admit.ts',
    'plugins/http-apps/admit.ts',
    'plugins/tcp-apps/decide-connection.ts',
  ])
  const voting = sources.filter((file) => /\btap\.access\.decide\(/.test(textOf(file)))
  t.strictSame(voting, ['plugins/rbac/hub.ts'])
  const calling = sources.filter((file) => /calls\.access\.decide\b/.test(textOf(file)))
  t.strictSame(calling, ['core/hub/hub.ts'])
  t.end()
})
