import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { coreRangeFault } from '../base/loader/core-range.ts'
import type { AnyPlugin, PluginSide } from '../kernel/plugin.ts'
import { checkPlugin } from '../kernel/plugin-check.ts'
import type { ConformTest } from './conformance-test.ts'

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly type?: string
  readonly license?: string
  readonly exports?: Readonly<Record<string, unknown>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const SIDES: readonly PluginSide[] = ['hub', 'agent']
const NAME = /^(@[a-z0-9][\w.-]*\/[a-z0-9][\w.-]*|mezite-plugin-[a-z0-9][\w.-]*)$/
const AT_INSTALLATION = /^(pre|post)?install$/

/**
 * Checks a package as it is installed: its name can be written under `plugins:`, its halves are exported and valid, and
 * types are there if it declares any. `folder` contains the unpacked package with its dependencies.
 */
export function conformPackage(t: ConformTest, folder: string): void {
  const read = async (): Promise<Manifest> => JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const halves = ({ exports = {} }: Manifest) => SIDES.filter((side) => exports[`./${side}`] !== undefined)

  t.test('the hub finds the package by its name', async (t) => {
    const { name = '', version = '', type } = await read()
    t.ok(NAME.test(name), `"${name}" is scoped or starts with mezite-plugin-`)
    t.ok(/^\d+\.\d+\.\d+/.test(version), `version "${version}"`)
    t.ok(type === 'module', '"type" is "module"')
  })

  t.test('each half is exported and valid, and the halves have one name', async (t) => {
    const manifest = await read()
    const names = new Set<string>()
    t.ok(halves(manifest).length > 0, 'it exports "./hub" or "./agent"')
    for (const side of halves(manifest)) {
      const file = join(folder, target(manifest.exports?.[`./${side}`], ['node', 'import', 'default']) ?? '')
      t.ok(existsSync(file), `${side}: ${file} exists`)
      const { default: plugin } = (await import(pathToFileURL(file).href)) as { default?: AnyPlugin }
      checkPlugin(plugin, side, [], file)
      names.add(plugin.name)
    }
    t.ok(names.size === 1, `the name ${[...names].join(' and ')}`)
  })

  t.test('declared types exist', async (t) => {
    const manifest = await read()
    for (const side of halves(manifest)) {
      const types = target(manifest.exports?.[`./${side}`], ['types'])
      t.ok(types === null || existsSync(join(folder, types)), `${side}: ${types ?? 'none declared'}`)
    }
  })

  t.test('it uses the core of the program, and runs nothing while it is installed', async (t) => {
    const { dependencies = {}, peerDependencies = {}, scripts = {} } = await read()
    t.ok(!('@mezite/core' in dependencies), '@mezite/core is a peer dependency')
    const range = peerDependencies['@mezite/core']
    const fault = range === undefined ? null : await coreRangeFault(range)
    t.ok(fault === null, fault === null ? 'this core is in the range of its peer' : `it ${fault}`)
    t.ok(!Object.keys(scripts).some((name) => AT_INSTALLATION.test(name)), 'no install script')
  })
}

/** The file that an entry of `exports` leads to under these conditions, or null. */
function target(entry: unknown, conditions: readonly string[]): string | null {
  if (typeof entry === 'string') return conditions.includes('default') ? entry : null
  if (typeof entry !== 'object' || entry === null) return null
  for (const [condition, inner] of Object.entries(entry)) {
    if (!conditions.includes(condition)) continue
    if (typeof inner === 'string') return inner
    const found = target(inner, conditions)
    if (found !== null) return found
  }
  return null
}
