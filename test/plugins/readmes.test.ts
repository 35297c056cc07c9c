/** What the README of each plugin says of its configuration, against the schema that is enforced. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { AnyPlugin } from '../../core/kernel/plugin.ts'

const plugins = join(import.meta.dirname, '../../plugins')

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
