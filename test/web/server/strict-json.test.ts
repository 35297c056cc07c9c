// together: quick
import t from 'tap'
import { parseStrictJson } from '../../../core/web/server/strict-json.ts'

const parse = (text: string) => parseStrictJson(Buffer.from(text))
const refused = { status: 400, code: 'bad_json' }

t.test('JSON is parsed to its value, and an empty body to none', (t) => {
  t.strictSame(parse('{"a":[1,{"b":null}],"c":"d"}'), { a: [1, { b: null }], c: 'd' })
  t.equal(parse(''), undefined)
  t.throws(() => parse('{"a":1'), refused)
  t.end()
})

t.test('no key changes a prototype, wherever and however it is written', (t) => {
  for (const key of ['__proto__', 'constructor', 'prototype', '\\u005f_proto__'])
    for (const text of [`{"${key}":1}`, `[{"a":{"${key}" \t\r\n:1}}]`, `{"a":[1],"${key}":1}`])
      t.throws(() => parse(text), { ...refused, message: /is not allowed/ }, text)
  t.strictSame(parse('{"a":"constructor","b":["__proto__"]}'), { a: 'constructor', b: ['__proto__'] })
  t.end()
})

t.test('duplicate keys in one object are refused', (t) => {
  for (const text of ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"a":[{}],"b":1,"a":2}'])
    t.throws(() => parse(text), { ...refused, message: /^Duplicate key/ }, text)
  t.strictSame(parse('[{"a":"a"},{"a":["a","a"]}]'), [{ a: 'a' }, { a: ['a', 'a'] }])
  t.strictSame(parse('{"a\\"":1,"a":{"a":2}}'), { 'a"': 1, a: { a: 2 } })
  t.end()
})

t.test('JSON deeper than 32 levels is refused', (t) => {
  const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  t.ok(parse(deep(32)))
  t.throws(() => parse(deep(33)), { ...refused, message: /deeper than 32/ })
  t.throws(() => parse('{"a":'.repeat(33)), { ...refused, message: /deeper than 32/ })
  t.ok(parse(`[${Array(40).fill('[],{}').join()}]`), 'beside each other is not in each other')
  t.equal(parse(`"\\"${'['.repeat(40)}"`), `"${'['.repeat(40)}`, 'brackets in a string are text')
  t.end()
})

t.test('JSON with a NUL character, which PostgreSQL cannot store, is refused', (t) => {
  for (const text of ['"\\u0000"', '{"a\\u0000":1}', '"\\\\\\u0000"'])
    t.throws(() => parse(text), { ...refused, message: /NUL/ }, text)
  t.equal(parse('"\\\\u0000"'), '\\u0000', 'an escaped backslash before u0000 is none')
  t.end()
})

t.test('JSON must be UTF-8 without a byte order mark', (t) => {
  t.equal(parse('"é"'), 'é')
  t.throws(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22])), refused)
  t.throws(() => parse('\ufeff{}'), refused)
  t.end()
})
