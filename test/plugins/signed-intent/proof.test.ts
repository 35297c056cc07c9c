// together: quick
/** What a person signs, and the proof of it, without a hub. */
import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import t from 'tap'
import { checkProof, proofIn } from '../../../plugins/signed-intent/commands/proof.ts'
import { canonical, fieldsOf, type Intent, sha256 } from '../../../plugins/signed-intent/intent.ts'
import { sentenceFor } from '../../../plugins/signed-intent/sentences.ts'

const intent: Intent = {
  type: 'mezite-intent/1',
  domain: 'hub.example.com:8443',
  app: 'git',
  app_id: '01a2177e-3930-733d-b419-54bdf06c4dcb',
  method: 'DELETE',
  path: `/repos/${'p'.repeat(2_000)}`,
  query_sha256: null,
  body_bytes: 0,
  body_sha256: createHash('sha256').digest('hex'),
  content_type: null,
  caller: 'döra@example.com',
  time: '2026-12-02T02:00:00.000Z',
  id: 'AAAAAAAAAAAAAAAAAAAAAA',
}

/** An event as the plugin records it. `changes` are lies of the passkey. */
function eventOf(
  kind: 'ec' | 'rsa' | 'ed25519',
  {
    flags = 0x05,
    origin = 'https://hub.example.com:8443',
    host = 'hub.example.com',
    statement = canonical(intent),
  } = {},
) {
  const { privateKey, publicKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : kind === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ed25519')
  const challenge = sha256(canonical(intent)).toString('base64url')
  const clientData = Buffer.from(JSON.stringify({ type: 'webauthn.get', challenge, origin }))
  const data = Buffer.concat([sha256(host), Buffer.from([flags, 0, 0, 0, 1])])
  const signature = sign(
    kind === 'ed25519' ? null : 'sha256',
    Buffer.concat([data, sha256(clientData)]),
    createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })),
  )
  return {
    id: 'x',
    signer: intent.caller,
    credential_id: 'abc',
    ...fieldsOf('statement', statement.toString('base64url')),
    ...fieldsOf(
      'public_key',
      Buffer.from(JSON.stringify(publicKey.export({ format: 'jwk' }))).toString('base64url'),
    ),
    ...fieldsOf('client_data', clientData.toString('base64url')),
    authenticator_data: data.toString('base64url'),
    signature: signature.toString('base64url'),
  } as Record<string, string>
}

t.test('the statement is canonical JSON: sorted, without spaces', async (t) => {
  const text = canonical({ ...intent, path: '/x' }).toString()
  t.match(text, /^\{"app":"git","app_id":"[^"]+","body_bytes":0,"body_sha256":"/)
  t.match(text, '"caller":"döra@example.com","content_type":null,"domain":"hub.example.com:8443"')
  t.notMatch(text, /": |, "/)
})

t.test(
  'a proof is verified with each kind of key, also when its parts fill several fields of the event',
  async (t) => {
    for (const kind of ['ec', 'rsa', 'ed25519'] as const) {
      const event = eventOf(kind)
      t.ok(event.statement_3, 'a long path')
      t.ok(Object.values(event).every((text) => text.length <= 1_000))
      t.strictSame(checkProof(proofIn(event)), intent)
    }
  },
)

t.test('a proof with any change is refused with its fault', async (t) => {
  const changed = canonical({ ...intent, path: '/other' })
  const spaced = Buffer.from(JSON.stringify(intent, null, 1))
  const cases = {
    'another statement': [eventOf('ec', { statement: changed }), /has signed another statement/],
    'not canonical': [eventOf('ec', { statement: spaced }), /canonical/],
    'without verification': [eventOf('ec', { flags: 0x01 }), /did not verify/],
    'without presence': [eventOf('ec', { flags: 0x04 }), /did not verify/],
    'another origin': [eventOf('ec', { origin: 'https://evil.example.com' }), /another host/],
    'a key of another host': [eventOf('ec', { host: 'evil.example.com' }), /another host/],
    'another key': [{ ...eventOf('ec'), public_key: eventOf('ec').public_key }, /signature does not match/],
    'no signature': [{ ...eventOf('ec'), signature: '' }, /"signature" is missing/],
  } as const
  for (const [name, [event, fault]] of Object.entries(cases))
    t.throws(() => checkProof(proofIn(event)), { message: fault }, name)
})

t.test('sentences take values from segments that every server reads alike', async (t) => {
  const templates = [
    { methods: ['DELETE'], path: '/repos/{owner}/{repo}', text: 'Delete repository {repo} of {owner}' },
    { methods: ['*'], path: '/admin', text: 'Open {nothing}' },
  ]
  const say = (method: string, path: string) =>
    sentenceFor(templates, method, path)
      ?.map(({ text }) => text)
      .join('') ?? null
  t.equal(say('DELETE', '/repos/dora/shop'), 'Delete repository shop of dora')
  t.equal(say('DELETE', '/repos/dora/a%20b'), 'Delete repository a b of dora')
  t.equal(say('PUT', '/admin'), 'Open {nothing}')
  for (const path of [
    '/repos/dora/a%2Fb',
    '/repos/dora/..',
    '/repos/dora/%252e',
    '/repos//shop',
    '/repos/dora/%ff',
    '/repos/dora/a;b',
    '/repos/dora',
  ])
    t.equal(say('DELETE', path), null, path)
})
