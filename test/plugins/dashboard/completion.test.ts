// together: quick
/** What the editor of the dashboard suggests at a place of a document. */
import t from 'tap'
import { type Schema, suggestionsAt } from '../../../plugins/dashboard/web/admin/completion.ts'
import { ConnectorSpec } from '../../../plugins/oidc/connector-resource.ts'
import { roleSpec } from '../../../plugins/rbac/role-resource.ts'

const role = { properties: { kind: {}, metadata: { properties: { name: {} } }, spec: roleSpec() as Schema } }
const connector = { properties: { spec: ConnectorSpec as Schema } }

/** Names that are suggested at `|`. */
const namesAt = (text: string, schema: Schema = role) =>
  suggestionsAt(text.replace('|', ''), text.indexOf('|'), schema).map(({ name }) => name)

t.test('the editor completes missing keys of the object around the caret', async (t) => {
  t.strictSame(namesAt('|'), ['kind', 'metadata', 'spec'])
  t.strictSame(namesAt('kind: role\nme|'), ['metadata'])
  t.strictSame(namesAt('kind: role\nmetadata:\n  name: x\nspec:\n  |'), ['options', 'allow', 'deny'])
  t.strictSame(namesAt('spec:\n  allow:\n    app_labels:\n      env: prod\n  |\n  deny: {}'), ['options'])
  t.strictSame(namesAt('spec:\n  options:\n    mfa|'), ['mfa_freshness'])
  t.strictSame(namesAt('spec:\n  allow:\n    |'), ['app_labels', 'admin'])
  t.strictSame(namesAt('spec:\n  allow:\n    app_labels:\n      |'), [])
})

t.test('the editor completes values of a key', async (t) => {
  const values = namesAt('spec:\n  options:\n    require_session_mfa: |')
  for (const value of ['true', 'false', 'webauthn', 'hardware_key']) t.ok(values.includes(value), value)
  t.strictSame(namesAt('spec:\n  options:\n    require_session_mfa: hard|'), ['hardware_key'])
  t.strictSame(namesAt('spec:\n  options:\n    idle_timeout: |'), [])
})

t.test('the editor completes keys of an item of a list', async (t) => {
  t.strictSame(namesAt('spec:\n  claims_to_roles:\n    - |', connector), ['claim', 'value', 'roles'])
  t.strictSame(namesAt('spec:\n  claims_to_roles:\n    - claim: groups\n      |', connector), [
    'value',
    'roles',
  ])
})

t.test('the editor completes the entries of a list', async (t) => {
  const methods = { type: 'array', items: { type: 'string', examples: ['GET', 'HEAD', 'DELETE', '*'] } }
  const schema: Schema = { properties: { rules: { items: { properties: { methods, paths: {} } } } } }
  const at = (text: string) => namesAt(`rules:\n  - ${text}`, schema)
  t.strictSame(at('methods: [|'), ['GET', 'HEAD', 'DELETE', '*'])
  t.strictSame(at('methods: [D|'), ['DELETE'])
  t.strictSame(at('methods: [GET, |'), ['HEAD', 'DELETE', '*'])
  t.strictSame(at('methods: ["GET", H|'), ['HEAD'])
  t.strictSame(at('methods:\n      - |'), ['GET', 'HEAD', 'DELETE', '*'])
  t.strictSame(at('paths: [|'), [])
  const text = 'rules:\n  - methods: ['
  t.match(suggestionsAt(text, text.length, schema).at(-1), { insert: '"*"', from: text.length })
})

t.test('the editor completes nothing in mid-line, and begins an object on its own line', async (t) => {
  t.strictSame(namesAt('sp|ec: {}'), [])
  t.strictSame(namesAt('# a comment |'), [])
  const text = 'spec:\n  al'
  t.match(suggestionsAt(text, text.length, role), [{ insert: 'allow:\n    ', from: 8 }])
})
