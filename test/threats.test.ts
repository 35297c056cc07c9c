// together: quick
/** Test names and `test/threats.md` speak of the same cases. */
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { root, textOf } from './read-imports.ts'

const CASE = /'((?:[A-Z]\d{1,3}|fault \d{1,2})(?:(?:, | and | to |–)(?:[A-Z]?\d{1,3}))*)(?=[ :,])/g

const files = readdirSync(join(root, 'test'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && entry.name !== 'threats.test.ts')
  .map((entry) => relative(root, join(entry.parentPath, entry.name)))
const listed = [...textOf('test/threats.md').matchAll(/^\| ([A-Z]\d+|fault \d+) \|/gm)].map(
  ([, name]) => name!,
)

t.test('every case is listed once', (t) => {
  t.ok(listed.length > 200)
  t.equal(new Set(listed).size, listed.length)
  t.end()
})

t.test('every case that a test names is listed', (t) => {
  const named = files.flatMap((file) =>
    [...textOf(file).matchAll(CASE)].flatMap(
      ([, text = '']) => text.match(/[A-Z]\d{1,3}|fault \d{1,2}/g) ?? [],
    ),
  )
  t.ok(named.length > 100)
  t.strictSame(
    [...new Set(named)].filter((name) => !listed.includes(name)),
    [],
  )
  t.end()
})
