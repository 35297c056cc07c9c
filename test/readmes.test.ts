/** What READMEs say of configuration, against the schemas that are enforced. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { limitsSchema } from '../core/hub/limits/limits-schema.ts'
import type { AnyPlugin } from '../core/kernel/plugin.ts'

const plugins = join(import.meta.dirname, '../plugins')

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly default?: unknown
}

/** Every key below the plugin's name, with its default. */
function keysOf({ properties = {} }: Schema): [key: string, value: unknown][] {
  return Object.entries(properties).flatMap(([key, inner]) => [
    [key, inner.default] as [string, unknown],
    ...keysOf(inner),
  ])
}

for (const name of readdirSync(plugins)) {
  t.test(`${name} has a README that names every option and its default`, async (t) => {
    const readme = readFileSync(join(plugins, name, 'README.md'), 'utf8')
    t.ok(readme.startsWith(`# ${name}\n`))
    for (const half of ['hub', 'agent']) {
      const file = join(plugins, name, `${half}.ts`)
      if (!existsSync(file)) continue
      const { config } = ((await import(file)) as { default: AnyPlugin }).default
      const keys = config === undefined ? [] : keysOf(config as Schema)
      if (keys.length === 0) {
        t.match(readme, /takes? no\s+configuration/, `the ${half} says that there is none`)
        continue
      }
      t.match(readme, new RegExp(`^ {2}${name}:$`, 'm'), 'an example of mezhub.yaml')
      for (const [key, value] of keys) {
        const written = new RegExp(`^ +(?:# )?${key}:( .*)?$`, 'm').exec(readme)
        t.ok(written, key)
        if (value !== undefined)
          t.match(written?.[1], new RegExp(`^ ${String(value)}( #.*)?$`), `the default of ${key}`)
      }
    }
  })
}

t.test('the README has a row for every limit, with its default', (t) => {
  const rows = readFileSync(join(plugins, '../README.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  const limits = keysOf(limitsSchema as Schema).filter(([, value]) => typeof value !== 'object')
  t.ok(limits.length > 15, `${limits.length} limits`)
  for (const [key, value] of limits) {
    const row = rows.find((line) => [`\`${key}\``, `.${key}\``].some((name) => line.includes(name)))
    const defaults = row?.split('|')[2]?.split(/[^0-9a-z]+/)
    t.ok(defaults?.includes(String(value)), `${key} ${String(value)}: ${row}`)
  }
  t.end()
})
