// together: programs
/** Signatures over operations: the body decides that a person must sign, and what was signed is these bytes. */
import t from 'tap'
import { until } from '../../until.ts'
import { digest, type Signer, startSigning } from './signing.ts'

const { hub, received, notified, signer, send, poll, sign, decline } = await startSigning(t)
const rpc = { methods: ['POST'], paths: ['/rpc'] }
const CLOSE = {
  ...{ ...rpc, name: 'close', operations: { jsonrpc: ['ledger.close'], record: ['account'] } },
  require: { signature: true },
}
const rules = (...more: readonly object[]) =>
  hub.api('PUT', '/roles/dev', {
    kind: 'role',
    version: 'v1',
    metadata: { name: 'dev' },
    spec: {
      allow: {
        app_labels: { env: 'test' },
        app_rules: [
          { name: 'look', methods: ['GET'], paths: ['/**'] },
          { ...rpc, name: 'read', operations: { jsonrpc: ['ledger.read'] } },
          {
            ...{ name: 'tools', methods: ['POST'], paths: ['/mcp'] },
            ...{ operations: { mcp: ['initialize', 'tools/call:delete_*'] }, require: { signature: true } },
          },
          ...more,
        ],
      },
    },
  })
await rules(CLOSE)
const dora = await signer('dora')

const message = (method: string, params: object = {}) => ({ jsonrpc: '2.0', id: 1, method, params })
const close = (account: number) => message('ledger.close', { account, pin: 1234 })
const json = { 'content-type': 'application/json' }
const text = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body))
const ask = (who: Signer, body: unknown, path = '/rpc') =>
  send(who, 'POST', path, { body: text(body), headers: json })
/** What reached the app since the last call. */
const taken = () => received.splice(0)
/** With 202, and where the outcome is. */
const held = async (body: unknown, path = '/rpc') => {
  const said = await send(dora, 'POST', path, {
    body: text(body),
    headers: { ...json, prefer: 'respond-async' },
  })
  if (said.status !== 202) throw new Error(`${said.status} ${said.text}`)
  return said
}

t.test('an operation that needs no signature passes, and one that does waits for it', async (t) => {
  t.match(await ask(dora, message('ledger.read')), { status: 200, text: 'done POST /rpc' })
  t.equal(taken().length, 1)
  const body = ` ${text(close(7))}\n`
  const said = await held(body)
  t.strictSame(taken(), [], 'nothing is sent before')
  t.match(await sign(dora, said.challenge_url ?? ''), { status: 200 })
  t.match(await poll(dora, said), { status: 200, text: 'done POST /rpc' })
  const [one, ...more] = taken()
  t.strictSame(more, [], 'once')
  t.match(one, { sha256: digest(body), bytes: body.length }, 'byte for byte')
  const claims = JSON.parse(
    Buffer.from(String(one?.headers['mezite-intent']).split('.')[1] ?? '', 'base64url').toString(),
  )
  t.match(claims, { path: '/rpc', body_sha256: digest(body), signer: 'dora@example.com' })
  t.match(await poll(dora, said), { status: 404, code: 'held_unknown' })
  let found: readonly Record<string, unknown>[] = []
  await until(async () => {
    const all = await hub.api<Record<string, unknown>[]>('GET', '/audit?type=app.request')
    found = all.filter(({ operation }) => operation === 'ledger.close')
    return found.length > 0
  }, 'the request is recorded')
  t.match(found, [{ operation: 'ledger.close', arguments: '{"account":7}', rule: 'close' }])
})

t.test(
  'a batch needs the signature for all of it, and one with a forbidden operation is not held',
  async (t) => {
    notified.length = 0
    const both = [message('ledger.read'), { ...close(8), id: 2 }]
    const said = await held(both)
    t.strictSame(taken(), [])
    t.match(await sign(dora, said.challenge_url ?? ''), { status: 200 })
    t.match(await poll(dora, said), { status: 200 })
    t.match(taken(), [{ sha256: digest(text(both)) }])
    notified.length = 0
    for (const body of [
      [close(9), message('ledger.drop')],
      message('ledger.drop'),
      message('LEDGER.close'),
      '{"jsonrpc":"2.0","id":1,"method":"ledger.read","method":"ledger.close"}',
      `${text(close(9))}${text(message('ledger.read'))}`,
      '',
    ]) {
      const refused = await ask(dora, body)
      t.ok(refused.status >= 400 || /"error"/.test(refused.text), `${refused.status} ${text(body)}`)
      t.notOk(refused.challenge_url, 'nobody is asked to sign it')
    }
    t.strictSame(notified, [])
    t.strictSame(taken(), [])
  },
)

t.test('the signature for one body sends no other, and nothing once it is declined', async (t) => {
  const [first, second] = [await held(close(1)), await held(close(2))]
  t.match(await sign(dora, first.challenge_url ?? ''), { status: 200 })
  await decline(dora, second.challenge_url ?? '')
  t.match(await poll(dora, second), { status: 403, code: 'signature_declined' })
  t.strictSame(taken(), [])
  t.match(await poll(dora, first), { status: 200 })
  t.match(taken(), [{ sha256: digest(text(close(1))) }])
})

t.test('tools of MCP are signed for in the same way, whatever their headers say', async (t) => {
  const call = (name: string) => message('tools/call', { name, arguments: { id: 3 } })
  const said = await held(call('delete_ticket'), '/mcp')
  t.match(await sign(dora, said.challenge_url ?? ''), { status: 200 })
  t.match(await poll(dora, said), { status: 200 })
  t.match(taken(), [{ url: '/mcp', sha256: digest(text(call('delete_ticket'))) }])
  const lying = await send(dora, 'POST', '/mcp', {
    body: text(call('delete_ticket')),
    headers: { ...json, 'mcp-method': 'tools/call', 'mcp-name': 'read_ticket', prefer: 'respond-async' },
  })
  t.not(lying.status, 202)
  t.not((await ask(dora, call('create_ticket'), '/mcp')).status, 202)
  t.strictSame(taken(), [])
})

t.test('a rule that goes while the request waits takes the request with it', async (t) => {
  const said = await held(close(5))
  await rules()
  await sign(dora, said.challenge_url ?? '')
  t.match(await poll(dora, said), { status: 403, code: 'operation_not_allowed' })
  t.strictSame(taken(), [], 'nothing is sent')
  await rules(CLOSE)
})
