/**
 * A program that `npm run plugin-check` copies into a folder where a plugin is installed beside the packed packages, and runs there:
 * `plugin-suites.ts PACKAGE RESULT` runs the suites of the kit that fit the package and writes what they found.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AnyPlugin } from '@mezite/core'
import {
  type ConformPolicyOptions,
  type ConformTest,
  conformPackage,
  conformPlugin,
  conformPolicy,
  conformTest,
  createTestHost,
  createTestHub,
} from '@mezite/core/testing'

/** What a package exports as `./conformance`, if its halves need more than themselves. */
interface Fixtures {
  /** A valid configuration and stand-ins for the needs of each half. */
  readonly hub?: ConformPolicyOptions
  readonly agent?: ConformPolicyOptions
  /** Runs further suites of the kit, such as `conformTransport`. */
  suites?(t: ConformTest): void
}

/** One test of a suite. */
export interface SuiteRow {
  readonly suite: string
  readonly title: string
  /** Why it failed; null: it passed. */
  readonly failure: string | null
}

/** What ran on a package. */
export interface SuiteResult {
  readonly rows: readonly SuiteRow[]
  /** Suites that fit the package and could not run, with the reason. */
  readonly notRun: readonly string[]
  /** What its code makes use of; null: it has no half for a hub, or no hub starts with it. */
  readonly rights: readonly string[] | null
}

interface Manifest {
  readonly name: string
  readonly exports?: Readonly<Record<string, unknown>>
  readonly mezite?: {
    readonly status?: unknown
    readonly readsStrangers?: unknown
    readonly fuzzed?: unknown
    readonly rights?: unknown
  }
}

const [name = '', output = ''] = process.argv.slice(2)
const folder = join(import.meta.dirname, 'node_modules', name)
const { exports = {}, mezite = {} }: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

interface Case {
  readonly suite: string
  readonly title: string
  run(): Promise<void>
}
/** Tests may register others while they run. */
const cases: Case[] = []
const notRun: string[] = []
let rights: readonly string[] | null = null
const suite = (name: string, register: (t: ConformTest) => void): void =>
  register(conformTest((title, run) => cases.push({ suite: name, title, run })))

const load = async <T>(entry: string): Promise<T> => (await import(`${name}/${entry}`)).default as T
const fixtures = './conformance' in exports ? await load<Fixtures>('conformance') : {}

suite('package', (t) => conformPackage(t, folder))
suite('declaration', (t) =>
  t.test('"mezite" of its package.json says its status, posture and rights', async (t) => {
    t.ok(['stable', 'beta', 'experimental'].includes(String(mezite.status)), `status ${mezite.status}`)
    for (const member of ['readsStrangers', 'fuzzed'] as const)
      t.ok(typeof mezite[member] === 'boolean', `${member}: ${mezite[member]}`)
    t.ok(Array.isArray(mezite.rights), `rights: ${JSON.stringify(mezite.rights)}`)
  }))
for (const side of ['hub', 'agent'] as const) {
  if (!(`./${side}` in exports)) continue
  const plugin = await load<AnyPlugin>(side).catch((error: unknown) => {
    suite(side, (t) =>
      t.test('it can be loaded', async () => {
        throw error
      }),
    )
    return null
  })
  if (plugin === null) continue
  const options = fixtures[side]
  const needs = Object.keys(plugin.needs ?? {}).filter((need) => options?.use?.[need] === undefined)
  if (needs.length > 0)
    notRun.push(`${side}: it needs ${needs.join(', ')}, and "./conformance" of the package gives no stand-in`)
  else {
    suite(side, (t) => conformPlugin(t, plugin, options))
    const { taps } = createTestHost(plugin, options)
    if (taps.some(({ hook }) => hook === 'access.decide'))
      suite('policy', (t) => conformPolicy(t, plugin, options))
  }
  if (side === 'hub')
    suite('a real hub', (t) =>
      t.test('it starts with the plugin, which has only the rights that it declares', async (t) => {
        const { config } = options ?? {}
        const hub = await createTestHub({ plugins: [config === undefined ? plugin : { plugin, config }] })
        try {
          const { plugins } = await hub.api<{
            plugins: readonly { readonly name: string; readonly rights: readonly string[] }[]
          }>('GET', '/status?plugins=1')
          const row = plugins.find((one) => one.name === plugin.name)
          rights = row?.rights ?? []
          const declared = [mezite.rights].flat()
          const more = rights.filter((right) => !declared.includes(right))
          t.ok(row !== undefined, 'it is in the status')
          t.ok(more.length === 0, `rights that it does not declare: ${more.join(', ') || 'none'}`)
        } finally {
          await hub.stop()
        }
      }))
}
if (fixtures.suites) suite('of its author', (t) => fixtures.suites?.(t))

const rows: SuiteRow[] = []
for (const { suite, title, run } of cases) {
  const failure = await run().then(
    () => null,
    (error) => String((error as Error).message ?? error).split('\n')[0]!,
  )
  rows.push({ suite, title, failure })
}
writeFileSync(output, JSON.stringify({ rows, notRun, rights } satisfies SuiteResult))
// A plugin that leaves something open has failed above, and must not keep this program.
process.exit(0)
