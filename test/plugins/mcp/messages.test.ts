// together: programs
/** What opens the hub as a server of MCP, how much, and messages that it refuses. */
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'
import { until } from '../../until.ts'
import { startMcp } from './mcp-world.ts'

const { hub, endpoint, cookies, session, tokens, plain, fetchAs, setRoles } = await startMcp(t)

interface Sent {
  readonly status: number
  readonly headers: Headers
  readonly json: { error?: { code: number; data?: object }; result?: object; code?: string }
}
async function send(body: unknown, headers: Record<string, string> = {}, method = 'POST'): Promise<Sent> {
  const answer = await plain(endpoint, {
    method,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${tokens.admin}`, ...headers },
    ...(body !== undefined && {
      body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
    }),
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, json: text === '' ? {} : JSON.parse(text) }
}
const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
const REVISION = 'io.modelcontextprotocol/protocolVersion'
const modern = (method: string, params: object = {}) => ({
  ...{ jsonrpc: '2.0', id: 1, method },
  params: { ...params, _meta: { [REVISION]: '2026-07-28' } },
})
const search = { name: 'search_documentation', arguments: { question: 'backup' } }
const newest = { 'mcp-protocol-version': '2026-07-28' }

t.test('only an API token opens it', async (t) => {
  t.equal((await send(list)).status, 200)
  let appToken = ''
  await fetchAs('guests', 'one', (token) => {
    appToken = token
  })
  t.match(appToken, /^mezite_at_/)
  const basic = Buffer.from(`x:${tokens.admin}`).toString('base64')
  for (const [what, authorization] of [
    ['a token for an app', `Bearer ${appToken}`],
    ['the session of a person, who is an administrator', `Bearer ${session}`],
    ['an unknown token', `Bearer mezite_api_${'x'.repeat(43)}`],
    ['half a token', `Bearer ${tokens.admin.slice(0, -1)}`],
    ['two tokens', `Bearer ${tokens.admin}, Bearer ${tokens.admin}`],
    ['another scheme', `Basic ${basic}`],
    ['nothing', ''],
  ] as const) {
    const { status, headers } = await send(list, { authorization })
    t.equal(status, 401, what)
    t.equal(headers.get('www-authenticate'), 'Bearer', what)
  }
  const without = (headers: Record<string, string>) =>
    plain(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(list),
    })
  t.equal((await without({})).status, 401)
  t.equal((await without({ cookie: cookies })).status, 403)
  t.equal((await without({ cookie: cookies, origin: hub.url })).status, 401, 'a page of the hub itself')
  t.equal((await send(list, { authorization: `Bearer ${session}`, cookie: cookies })).status, 401)
  const roles = await plain(new URL('/v1/webapi/roles', hub.url), {
    headers: { authorization: `Bearer ${appToken}` },
  })
  t.equal(roles.status, 401)
})

t.test('a page of another site or under another name gets nothing, even with a token', async (t) => {
  for (const origin of ['https://evil.example', 'null', hub.appUrl('one'), `${hub.url}.evil.example`])
    t.match(await send(list, { origin }), { status: 403, json: { code: 'csrf' } }, origin)
  t.equal((await send(list, { origin: hub.url })).status, 200)
})

t.test('a token without a right of administration, or whose maker lost it, gets nothing', async (t) => {
  t.match(await send(list, { authorization: `Bearer ${tokens.plain}` }), {
    status: 403,
    json: { code: 'access_denied' },
  })
  await setRoles('watcher', 'auditor', 'keeper', 'plain')
  await until(async () => (await send(list)).status === 403, 'the token of admin has no right')
  t.equal((await send(list, { authorization: `Bearer ${tokens.watcher}` })).status, 200)
  await setRoles('admin', 'watcher', 'auditor', 'keeper', 'plain')
  await until(async () => (await send(list)).status === 200, 'the right is back')
})

t.test('GET and DELETE, which older clients try, are 405', async (t) => {
  for (const method of ['GET', 'DELETE', 'PUT']) {
    const { status, headers } = await send(undefined, {}, method)
    t.equal(status, 405, method)
    t.equal(headers.get('allow'), 'POST')
  }
})

const good = JSON.stringify(list)
for (const [what, body, status, code, headers] of [
  ['a batch', [list, { ...list, id: 2 }], 400, -32600],
  ['an empty batch', [], 400, -32600],
  ['a text', '"tools/list"', 400, -32600],
  ['another version of JSON-RPC', { ...list, jsonrpc: '1.0' }, 400, -32600],
  ['a response', { jsonrpc: '2.0', id: 1, result: {} }, 400, -32600],
  ['another member', { ...list, Method: 'ping' }, 400, -32600],
  ['an id that is null', { ...list, id: null }, 400, -32600],
  ['an id that is an object', { ...list, id: {} }, 400, -32600],
  ['params that are a list', { ...list, params: [] }, 400, -32602],
  ['a method in another case', { ...list, method: 'Tools/List' }, 200, -32601],
  ['a method of the newest revision in an older one', { ...list, method: 'server/discover' }, 200, -32601],
  [
    'a method of older revisions in the newest one',
    modern('ping'),
    404,
    -32601,
    { ...newest, 'mcp-method': 'ping' },
  ],
  ['an unknown revision', { ...list, params: { _meta: { [REVISION]: '2027-01-01' } } }, 400, -32022],
  ['an unknown revision in the header', list, 400, -32022, { 'mcp-protocol-version': 'x' }],
  [
    'two revisions',
    modern('tools/list'),
    400,
    -32020,
    { 'mcp-protocol-version': '2025-06-18', 'mcp-method': 'tools/list' },
  ],
  ['the newest revision in the header alone', list, 400, -32602, { ...newest, 'mcp-method': 'tools/list' }],
  [
    'the newest revision in the body alone',
    modern('tools/list'),
    400,
    -32020,
    { 'mcp-method': 'tools/list' },
  ],
  ['no method in the header', modern('tools/list'), 400, -32020, newest],
  ['another method in the header', modern('tools/list'), 400, -32020, { ...newest, 'mcp-method': 'ping' }],
  [
    'no name in the header',
    modern('tools/call', search),
    400,
    -32020,
    { ...newest, 'mcp-method': 'tools/call' },
  ],
  [
    'another name in the header',
    modern('tools/call', search),
    ...([400, -32020] as const),
    { ...newest, 'mcp-method': 'tools/call', 'mcp-name': 'harmless' },
  ],
  [
    'another name in the header of an older revision',
    { ...list, method: 'tools/call', params: search },
    400,
    -32020,
    { 'mcp-name': 'harmless' },
  ],
  ['two documents', good + good, 400, 'bad_json'],
  ['a byte order mark', `\ufeff${good}`, 400, 'bad_json'],
  ['a comment', `/**/${good}`, 400, 'bad_json'],
  ['a duplicate name', good.replace('"id"', '"method":"ping","id"'), 400, 'bad_json'],
  [
    'a duplicate name in another writing',
    good.replace('"id"', '"\\u006dethod":"ping","id"'),
    400,
    'bad_json',
  ],
  ['100 levels', `${'['.repeat(100)}${']'.repeat(100)}`, 400, 'bad_json'],
  ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 400, 'bad_json'],
  ['a body of 100 KB', { ...list, params: { x: 'x'.repeat(100_000) } }, 413, 'body_too_large'],
  ['another type', good, 415, 'unsupported_media_type', { 'content-type': 'text/plain' }],
  ['a compressed body', good, 415, 'unsupported_media_type', { 'content-encoding': 'gzip' }],
] as readonly [string, unknown, number, number | string, Record<string, string>?][])
  t.test(`${what} is refused`, async (t) => {
    const answer = await send(body, headers)
    t.equal(answer.status, status, JSON.stringify(answer.json))
    t.equal(answer.json.error?.code ?? answer.json.code, code)
  })

t.test('one token sends a limited number of messages', async (t) => {
  const small = await createTestHub({ config: { plugins: { docs: false, mcp: { calls_per_minute: 2 } } } })
  t.teardown(() => small.stop())
  const make = async (name: string) =>
    (await small.api<{ token: string }>('POST', '/api-tokens', { name, roles: ['admin'] })).token
  const [one, other] = [await make('one'), await make('other')]
  const ask = (token: string) =>
    small.visitor().fetch(`${small.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(list),
    })
  const first = await ask(one)
  t.equal(first.status, 200)
  t.notMatch(first.text, /_documentation/, 'without the documentation, no tools for it')
  t.equal((await ask(one)).status, 200)
  t.match(await ask(one), { status: 429, headers: { 'retry-after': '10' } })
  t.equal((await ask(other)).status, 200)
})

t.test('a lock of the token takes everything', async () => {
  const headers = { authorization: `Bearer ${tokens.watcher}` }
  const lock = { target: { user: 'token:watch' } }
  const { id } = await hub.api<{ id: string }>('POST', '/locks', lock)
  await until(async () => (await send(list, headers)).status === 403, 'the token is locked')
  await hub.api('DELETE', `/locks/${id}`)
  await until(async () => (await send(list, headers)).status === 200, 'the lock is gone')
})

t.test('a name may be encoded in the header, and a notification gets no answer', async (t) => {
  const encoded = `=?base64?${Buffer.from(search.name).toString('base64')}?=`
  const headers = { ...newest, 'mcp-method': 'tools/call', 'mcp-name': encoded }
  t.match(await send(modern('tools/call', search), headers), {
    status: 200,
    json: { result: { resultType: 'complete' } },
  })
  const { status, json } = await send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  t.strictSame([status, json], [202, {}])
})
