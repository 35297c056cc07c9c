// together: quick
/** The pages about the document of an application and its recipes, against the schema that the hub enforces. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { readApp } from '../../../core/gate/catalog/app-document.ts'
import { AppSpec } from '../../../core/gate/catalog/app-schema.ts'
import { limits } from '../../../plugins/http-apps/limits.ts'

const pages = new URL('../../../plugins/docs/pages/', import.meta.url)
const page = readFileSync(new URL('look-up/app-document.md', pages), 'utf8')
const recipePage = readFileSync(new URL('how-to/applications.md', pages), 'utf8')
const names = {
  clusterName: 'demo',
  hubOrigin: 'https://hub.example.com',
  signInOrigin: 'https://hub.example.com',
  appsDomain: 'apps.example.com',
  appsDomains: ['apps.example.com'],
  portSuffix: '',
  appsOidcConnector: null,
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly default?: unknown
  readonly description?: string
}

function keysOf({ properties = {} }: Schema, above = ''): [key: string, schema: Schema][] {
  return Object.entries(properties).flatMap(([key, inner]): [string, Schema][] =>
    Object.keys(inner.properties ?? {}).length > 0
      ? keysOf(inner, `${above}${key}.`)
      : [[`${above}${key}`, inner]],
  )
}

t.test('the page has a row for every key and no other, with its default', (t) => {
  const rows = new Map(
    [...page.matchAll(/^\| `([a-z_.]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, key, ...cells]) => [
      key,
      cells,
    ]),
  )
  const keys = keysOf(AppSpec as Schema)
  t.strictSame([...rows.keys()].sort(), keys.map(([key]) => key).sort())
  for (const [key, schema] of keys) {
    t.ok(schema.description, `${key} has a description in the schema`)
    if (schema.default === undefined) continue
    const text = typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default)
    t.equal(rows.get(key)?.[0]?.trim(), `\`${text}\``, key)
  }
  t.end()
})

/** mezctl reads secrets from files and variables, and sends values. */
const withValues = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const keys = Object.keys(value)
  if (keys.length === 1 && (keys[0] === 'file' || keys[0] === 'env')) return { value: 'secret' }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withValues(one)]))
}

t.test('every recipe is a valid document', (t) => {
  const recipes = [...recipePage.matchAll(/^## ([^\n]+)\n\n```yaml\n(.*?)```/gms)]
  t.ok(recipes.length >= 30, `${recipes.length} recipes`)
  for (const [, title = '', text = ''] of recipes) {
    const spec = withValues(parse(text)) as object
    const document = { kind: 'app', version: 'v1', metadata: { name: 'x' }, spec }
    t.doesNotThrow(() => readApp(document, names), title)
  }
  const [, whole = ''] = /```yaml\n(kind: app.*?)```/s.exec(page) ?? []
  t.doesNotThrow(() => readApp(parse(whole), names))
  t.end()
})

t.test('the page names the limits in force', (t) => {
  t.match(
    page,
    `| head of a response | ${limits.responseHeadBytes / 1024} KiB, ${limits.responseLines} lines |`,
  )
  t.match(page, `| trailers of a response | ${limits.trailerBytes / 1024} KiB |`)
  t.match(page, `| interim responses (1xx) to one request | ${limits.informational} |`)
  t.match(page, `| roles of a person in \`X-Mezite-Roles\` | ${limits.rolesBytes / 1024} KiB |`)
  t.end()
})
