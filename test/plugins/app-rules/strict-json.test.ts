/** The JSON that rules about operations accept: what every server reads in the same way. */
import fc from 'fast-check'
import t from 'tap'
import { readStrictJson } from '../../../plugins/app-rules/operations/strict-json.ts'

const read = (text: string) => readStrictJson(Buffer.from(text))

t.test('any document is read as JSON.parse reads it, whatever its spaces', async (t) => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.nat(2), (text, indent) => {
      const value = JSON.parse(text) as unknown
      t.same(read(JSON.stringify(value, null, indent)), value)
    }),
    { numRuns: 300 },
  )
})

t.test('bytes of a stranger either are one document or throw the one error', async () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '"a"',
    '"\\u0061"',
    '1',
    'true',
    ' ',
    'é',
    '/**/',
    '\ufeff',
  )
  const check = (bytes: Uint8Array) => {
    try {
      readStrictJson(bytes)
    } catch (error) {
      if ((error as Error).constructor.name !== 'JsonFault') throw error
      return
    }
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  }
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => check(Buffer.from(parts.join('')))),
    { numRuns: 5_000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => check(bytes)),
    { numRuns: 5_000 },
  )
})

t.test('a second member of the same name is refused at any place and in any writing', async (t) => {
  const name = fc.string({ minLength: 1, maxLength: 8 })
  const escaped = (text: string) =>
    `"${[...text]
      .flatMap((one) => one.split(''))
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('')}"`
  fc.assert(
    fc.property(name, fc.json({ maxDepth: 3 }), fc.nat(5), fc.boolean(), (key, value, depth, wrap) => {
      const twice = `{${JSON.stringify(key)}:${value}, ${escaped(key)}:1}`
      const open = wrap ? '{"o":' : '['
      const text = `${open.repeat(depth)}${twice}${(wrap ? '}' : ']').repeat(depth)}`
      try {
        read(text)
      } catch {
        return true
      }
      return false
    }),
    { numRuns: 500 },
  )
  t.same(read('{"a":{"a":[{"a":1},{"a":2}]},"b":"a"}'), { a: { a: [{ a: 1 }, { a: 2 }] }, b: 'a' })
})

t.test('64 levels are read, 65 are not, and a megabyte takes no long time', async (t) => {
  t.ok(read(`${'['.repeat(64)}${']'.repeat(64)}`))
  t.throws(() => read(`${'['.repeat(65)}${']'.repeat(65)}`), /64 levels/)
  t.throws(() => read('['.repeat(1 << 20)), /64 levels/)
  const names = Array.from({ length: 60_000 }, (_, at) => `"${at}":""`).join()
  const started = performance.now()
  read(`{${names}}`)
  t.ok(performance.now() - started < 2_000)
})

for (const text of [
  '',
  ' ',
  '{}{}',
  '{} x',
  '// x\n{}',
  '{"a":1,}',
  "{'a':1}",
  '{"a":NaN}',
  '01',
  '"\t"',
  '\ufeff{}',
  '{"a"',
  '"',
  '{"\\":1}',
  '{"a":1 "b":2}',
])
  t.test(`${JSON.stringify(text)} is refused`, async (t) => {
    t.throws(() => read(text), /The body/)
  })
