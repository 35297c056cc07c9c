/** Documents of GraphQL from strangers: each is read, or refused with one kind of error. */
import fc from 'fast-check'
import t from 'tap'
import { startStopwatch } from '../../stopwatch.ts'
import { fuzzGraphql, readBody, readQuery } from './fuzz-graphql.ts'

t.test('bytes of a stranger are read or have a fault, and never throw', (t) => {
  t.doesNotThrow(fuzzGraphql)
  t.end()
})

t.test('the fields of an operation are found wherever fragments hide them', async (t) => {
  const name = fc.stringMatching(/^[a-z][A-Za-z0-9_]{0,7}$/)
  const wrap = fc.constantFrom(
    (field: string) => field,
    (field: string) => `alias: ${field}`,
    (field: string) => `... { ${field} }`,
    (field: string) => `... on M @skip(if: true) { x: ${field} }`,
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(name, wrap), { minLength: 1, maxLength: 8 }), (fields) => {
      const parts = fields.map(([field, make]) => make(field))
      const spread = `mutation { ...F0 } ${parts.map((part, at) => `fragment F${at} on M { ${part} ${at + 1 < parts.length ? `...F${at + 1}` : ''} }`).join(' ')}`
      const expected = [...new Set(fields.map(([field]) => `mutation:${field}`))].sort()
      t.same([...readQuery(`mutation { ${parts.join(' ')} }`).names].sort(), expected)
      t.same([...readQuery(spread).names].sort(), expected)
    }),
    { numRuns: 200 },
  )
})

t.test('the most that is read takes no long time', async (t) => {
  const watch = startStopwatch()
  t.equal(readQuery(`{a} #${'x'.repeat(65_000)}`).fault, null)
  t.equal(readQuery(`{a{${'b '.repeat(4_900)}}}`).fault, null)
  t.match(readQuery(`{${'a{'.repeat(20_000)}`).fault, /levels/)
  t.match(readQuery('"'.repeat(60_000)).fault, /block string/)
  t.match(readQuery('" '.repeat(30_000)).fault, /document/)
  t.match(readQuery(`"${'\\"'.repeat(32_000)}`).fault, /document/, 'a text that never ends')
  t.ok(watch.took() < 500, `${watch.took()} ms`)
  let calls = 0
  const body = Buffer.from(
    '{"query":"mutation M($i: I) { createIssue(input: $i) { id url } }","variables":{"i":{"title":"x"}}}',
  )
  for (const end = performance.now() + 300; performance.now() < end; calls++) readBody(body)
  t.comment(`${(300_000 / calls).toFixed(1)} µs to read a mutation of ${body.length} bytes`)
})
