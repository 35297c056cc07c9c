// together: quick
/** What the API takes as a connector. */
import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { readConnector } from '../../../plugins/oidc/connector-resource.ts'

const spec = { issuer_url: 'https://id.example.com', client_id: 'mezite' }
const read = (more: object, metadata: object = {}) =>
  readConnector({
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'sso', ...metadata },
    spec: { ...spec, ...more },
  })
const refused = (path: string) => ({ status: 400, message: new RegExp(path) })
const pem = (type: 'rsa' | 'ec' | 'ed25519' | 'x25519', options: object = {}) =>
  generateKeyPairSync(type as 'rsa', options as { modulusLength: number })
    .privateKey.export({ format: 'pem', type: 'pkcs8' })
    .toString()
const rsa = pem('rsa', { modulusLength: 2_048 })

t.test('an omitted key has its default, and secrets have none', (t) => {
  const { document, secret } = read({})
  t.equal(secret, undefined)
  t.match(document.spec, { token_auth: 'auto', username_claim: 'email', require_verified_email: true })
  t.strictSame(document.spec.scopes, ['openid', 'email', 'profile', 'groups'])
  t.end()
})

t.test('a secret is stored separately from the document', (t) => {
  const { document, secret } = read({ client_secret: { value: 's3cret' } })
  t.equal(secret, 's3cret')
  t.notMatch(JSON.stringify(document), 's3cret')
  t.equal(read({ client_secret: { value: 'x'.repeat(16_384) } }).secret?.length, 16_384)
  for (const wrong of [
    's3cret',
    null,
    {},
    { value: '' },
    { value: 7 },
    { file: '/etc/passwd' },
    { env: 'HOME' },
  ])
    t.throws(() => read({ client_secret: wrong }), refused('spec.client_secret'), JSON.stringify(wrong))
  t.throws(() => read({ client_secret: { value: 'a', file: '/etc/passwd' } }), refused('spec.client_secret'))
  t.throws(() => read({ client_secret: { value: 'x'.repeat(16_385) } }), refused('spec.client_secret'))
  t.throws(() => read({ client_secret: { value: rsa } }), refused('use the key private_key'))
  t.end()
})

t.test('a private key must be able to sign, and excludes a client secret', (t) => {
  for (const key of [rsa, pem('ec', { namedCurve: 'P-384' }), pem('ed25519')])
    t.equal(read({ private_key: { value: key } }).secret, key)
  for (const key of [
    ...['no key', rsa.slice(0, 200), pem('rsa', { modulusLength: 1_024 })],
    ...[pem('ec', { namedCurve: 'secp256k1' }), pem('x25519')],
  ]) {
    const error = t.throws(() => read({ private_key: { value: key } }), refused('spec.private_key')) as Error
    t.notMatch(error.message, key.slice(30, 60), 'and is not quoted')
  }
  const both = { private_key: { value: rsa }, client_secret: { value: 's3cret' } }
  t.throws(() => read(both), refused('cannot be combined with client_secret'))
  t.end()
})

t.test('an issuer must be an https URL; http is allowed for this machine', (t) => {
  for (const issuer_url of [
    ...['https://id.example.com', 'https://id.example.com:8443/realms/a', 'http://127.0.0.1:8080'],
    ...['http://127.5.5.5', 'http://localhost:1', 'http://idp.localhost', 'http://[::1]'],
  ])
    t.ok(read({ issuer_url }), issuer_url)
  for (const issuer_url of [
    ...['http://id.example.com', 'http://notlocalhost', 'http://127.0.0.1.example.com', 'http://x127.0.0.1'],
    ...['https://a:b@id.example.com', 'https://a@id.example.com', 'https://:b@id.example.com'],
    ...['https://id.example.com?a=b', 'https://id.example.com#a', 'ftp://id.example.com', 'id.example.com'],
  ])
    t.throws(() => read({ issuer_url }), refused('spec.issuer_url'), issuer_url)
  t.end()
})

t.test('rules, scopes and metadata are checked', (t) => {
  const rule = (value: string) => ({ claims_to_roles: [{ claim: 'g', value, roles: ['a'] }] })
  for (const value of ['^a.*$', '^', '(', '^(a', '(a)$']) t.ok(read(rule(value)), value)
  for (const value of ['^($', '^(?=a)a$'])
    t.throws(() => read(rule(value)), refused('not a regular expression'))
  t.throws(() => read({ scopes: ['email'] }), refused('must contain openid'))
  t.throws(() => read({}, { name: 'passkey' }), refused('must not be passkey'))
  t.throws(() => read({}, { expires: '2099-01-01T00:00:00Z' }), refused('does not expire'))
  t.end()
})
