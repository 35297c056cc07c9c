// together: quick
/** What READMEs and pages say of configuration, against the schemas that are enforced. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import * as administration from '../core/administration.ts'
import { agentHooks } from '../core/api/agent-hooks.ts'
import { hubHooks } from '../core/api/hub-hooks.ts'
import * as identity from '../core/identity.ts'
import * as core from '../core/index.ts'
import type { AnyPlugin } from '../core/kernel/plugin.ts'
import * as protocol from '../core/protocol.ts'

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
  t.test(`${name} has a short README, and a page that names every option and its default`, async (t) => {
    const short = readFileSync(join(plugins, name, 'README.md'), 'utf8')
    t.ok(short.startsWith(`# ${name}\n`))
    const [, link] = /\]\(\.\.\/docs\/(pages\/[a-z/0-9-]+\.md)\): what it does/.exec(short) ?? []
    t.ok(short.split('\n').length <= 8, 'the README is short')
    const readme = readFileSync(join(plugins, 'docs', link ?? 'no page'), 'utf8')
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
          t.match(written?.[1], new RegExp(`^ ${defaultText(value)}( #.*)?$`), `the default of ${key}`)
      }
    }
  })
}

const defaultText = (value: unknown): string =>
  Array.isArray(value) ? `\\[${value.join(', ')}\\]` : String(value)

t.test('the page about abilities of plugins has every hook, service and slot, with an example', (t) => {
  const page = readFileSync(join(plugins, 'docs/pages/build/what-a-plugin-can-do.md'), 'utf8')
  const points = page.split(/^### /m).slice(1)
  const named = new Set(
    points.flatMap((point) => [...point.split('\n', 1)[0]!.matchAll(/`([\w.]+)`/g)].map(([, name]) => name)),
  )
  const references = Object.values({ ...core, ...identity, ...administration, ...protocol }).flatMap(
    (one) => {
      const { kind, id } = Object(one) as { kind?: string; id?: string }
      return kind === 'service' || kind === 'slot' ? [id!] : []
    },
  )
  const hooks = [hubHooks, agentHooks].flatMap((tree) =>
    Object.entries(tree).flatMap(([room, verbs]) => Object.keys(verbs).map((verb) => `${room}.${verb}`)),
  )
  t.ok(references.length > 40 && hooks.length > 12)
  t.strictSame(
    [...references, ...hooks].filter((name) => !named.has(name)),
    [],
  )
  for (const point of points) {
    const [title] = point.split('\n', 1)
    t.match(point, /^Example: /m, `${title} has an example`)
    for (const [, path = ''] of point.matchAll(/\]\(([^)#]+)/g))
      t.ok(existsSync(join(plugins, 'docs/pages/build', path)), `${title}: ${path}`)
  }
  t.end()
})
