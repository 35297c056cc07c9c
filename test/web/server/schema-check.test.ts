// together: quick
import t from 'tap'
import { Type } from 'typebox'
import { checkSchemas } from '../../../core/web/server/schema-check.ts'

const properties = {
  ttl_seconds: Type.Optional(Type.Integer({ minimum: 60, must: 'a minute at least, in seconds' })),
  names: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z]+$', must: 'small letters' }))),
  bare: Type.Optional(Type.Integer()),
}
const schema = Type.Object(properties, { additionalProperties: false })
const check = checkSchemas({ schema, method: 'POST', url: '/', httpPart: 'body' })
const detail = (data: object) => {
  const { error } = check(data) as { error?: Error }
  return error?.message
}

t.test('a fault is described in the words of the schema, if it has some', (t) => {
  t.equal(detail({ ttl_seconds: 60, names: ['a'] }), undefined)
  t.equal(detail({ ttl_seconds: 1 }), 'ttl_seconds must be a minute at least, in seconds.')
  t.equal(detail({ names: ['a', 'B'] }), 'names/1 must be small letters.')
  t.match(detail({ bare: 'x' }), /^bare must be integer\.$/)
  t.match(check('x'), { error: { message: /^body must be object/ } })
  t.equal(detail({ wat: 1 }), 'wat is unknown.')
  t.end()
})

t.test('a schema is compiled at the first request that it checks', (t) => {
  let read = 0
  const counted = new Proxy(Type.Object({ name: Type.String() }), {
    get(target, key, receiver) {
      read += 1
      return Reflect.get(target, key, receiver)
    },
  })
  const validate = checkSchemas({ schema: counted, method: 'POST', url: '/', httpPart: 'body' })
  t.equal(read, 0)
  t.match(validate({ name: 1 }), { error: { message: /^name must be string/ } })
  t.ok(read > 0)
  t.end()
})
