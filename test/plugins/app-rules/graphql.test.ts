// together: programs
/** Rules about operations of GraphQL: requests to a real server, and bad input that it never gets. */

import { createHash } from 'node:crypto'
import { request } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { buildSchema } from 'graphql'
import { createHandler } from 'graphql-http/lib/use/http'
import t from 'tap'
import { serve, startOperations } from './operations-world.ts'

const path = { methods: ['GET', 'POST'], paths: ['/graphql'] }
const { hub, register, fetchAs, eventOf } = await startOperations(
  t,
  {
    triage: {
      allow: {
        app_rules: [
          {
            ...path,
            operations: {
              graphql: ['query', 'mutation:close*', 'subscription:ticks'],
            },
          },
        ],
      },
      deny: { app_rules: [{ ...path, operations: { graphql: ['query:__schema', 'query:SECRET'] } }] },
    },
    clerk: {
      allow: {
        app_rules: [{ ...path, operations: { graphql: ['mutation:close*'], record: ['id', 'input'] } }],
      },
    },
    other: { allow: { app_rules: [{ ...path, operations: { graphql: ['query:viewer'] } }] } },
  },
  { 'app-rules': { body_bytes: 200_000 } },
)
const done: string[] = []
const did = (name: string) => () => {
  done.push(name)
  return name
}
const handler = createHandler({
  schema: buildSchema(`
    type Query { viewer: String issue(id: Int): String secret: String }
    input Close { id: Int reason: String }
    type Mutation { closeIssue(id: Int input: Close): String createIssue: String }
    type Subscription { ticks: Int }`),
  rootValue: Object.fromEntries(
    ['viewer', 'issue', 'secret', 'closeIssue', 'createIssue'].map((name) => [name, did(name)]),
  ),
})
let arrived = 0
await register('issues', {
  uri: await serve(t, (message, response) => {
    arrived += 1
    // The server of the package has no streams.
    if (message.headers.accept !== 'text/event-stream') return void handler(message, response)
    message.resume()
    response
      .writeHead(200, { 'content-type': 'text/event-stream' })
      .write('event: next\ndata: {"data":{"ticks":1}}\n\n')
    response.on('error', () => {})
  }),
})
const JSON_TYPE = 'application/json'
const send = async (body: unknown, headers: Record<string, string> = {}, bot = 'triage') => {
  const fetch = await fetchAs(bot, 'issues')
  const answer = await fetch(new URL('/graphql', hub.appUrl('issues')), {
    method: 'POST',
    headers: { 'content-type': JSON_TYPE, ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  })
  const text = await answer.text()
  return { status: answer.status, text, type: answer.headers.get('content-type') ?? '' }
}
const get = async (parameters: string) => {
  const fetch = await fetchAs('triage', 'issues')
  const answer = await fetch(new URL(`/graphql?${parameters}`, hub.appUrl('issues')))
  return { status: answer.status, text: await answer.text() }
}
/** What the server did with it. */
const doneBy = async (sent: () => Promise<{ status: number; text: string }>) => {
  done.length = 0
  const answer = await sent()
  return { ...answer, done: [...done] }
}
const q = (query: string, more: object = {}) => ({ query, ...more })

t.test('allowed operations pass, in each way to write them', async (t) => {
  for (const [body, names] of [
    [q('{ viewer }'), ['viewer']],
    [q('query A { createIssue: viewer }'), ['viewer']],
    [q('{ viewer issue(id: 1) __typename }'), ['viewer', 'issue']],
    [q('{ ...F } fragment F on Query { ... on Query { viewer } }'), ['viewer']],
    [
      q('mutation C($i: Int) { closeIssue(id: $i) }', { variables: { i: 7 }, operationName: 'C' }),
      ['closeIssue'],
    ],
    [q('query A { viewer } mutation B { createIssue }', { operationName: 'A' }), ['viewer']],
    [q('{ issue(id: 2) } # { secret }'), ['issue']],
  ] as const) {
    const { status, text, done } = await doneBy(() => send(body))
    t.equal(status, 200, JSON.stringify(body))
    t.notMatch(text, 'errors')
    t.same(done, names, JSON.stringify(body))
  }
  t.same((await doneBy(() => get(`query=${encodeURIComponent('{viewer}')}`))).done, ['viewer'])
  t.same((await doneBy(() => get(`query=query+A($i:Int){issue(id:$i)}&variables={%22i%22:1}`))).done, [
    'issue',
  ])
  const hash = createHash('sha256').update('{viewer}').digest('hex')
  const stored = { persistedQuery: { version: 1, sha256Hash: hash } }
  t.same((await doneBy(() => send(q('{viewer}', { extensions: stored })))).done, ['viewer'])
})

t.test('a denied operation gets errors with the reason, and the record names it', async (t) => {
  const before = arrived
  for (const [body, operation] of [
    [q('mutation { createIssue }'), 'graphql mutation:createIssue'],
    [q('mutation { closeIssue: createIssue }'), 'graphql mutation:createIssue'],
    [q('mutation { closeIssue(id: 1) createIssue }'), 'graphql mutation:closeIssue, mutation:createIssue'],
    [
      q(
        'mutation { closeIssue ...F } fragment F on Mutation { ...G } fragment G on Mutation { createIssue }',
      ),
      /createIssue/,
    ],
    [q('mutation { closeIssue ... @include(if: false) { createIssue } }'), /createIssue/],
    [
      q('query A { viewer } mutation B { createIssue }', { operationName: 'B' }),
      'graphql mutation:createIssue',
    ],
    [q('{ secret }'), 'graphql query:secret'],
    [q('{ __schema { types { name } } }'), 'graphql query:__schema'],
    [q('subscription { closeIssue }'), 'graphql subscription:closeIssue'],
    [[q('{ viewer }'), q('{ secret }')], 'graphql query:viewer, query:secret'],
  ] as const) {
    const { status, text } = await send(body)
    t.equal(status, 200)
    const answer = JSON.parse(text)
    const [{ extensions }] = (Array.isArray(answer) ? answer[1] : answer).errors
    t.match(extensions, { code: 'FORBIDDEN', reason: 'operation_not_allowed' })
    t.match(await eventOf('access.denied', extensions.request_id), { operation })
  }
  t.match((await send(q('{ viewer issue }'), {}, 'other')).text, /operation_not_allowed/)
  const text = await send('mutation { createIssue }', { 'content-type': 'application/graphql' })
  t.match(text, { status: 200, text: /operation_not_allowed/ })
  t.equal(arrived, before)
})

t.test('records have the arguments that the rule names, with the values of variables', async (t) => {
  const query = 'mutation M($i: Close) { closeIssue(id: 3, input: $i) createIssue }'
  const { text } = await send(q(query, { variables: { i: { id: 1, reason: 'old' } } }), {}, 'clerk')
  const id = JSON.parse(text).errors[0].extensions.request_id
  t.match(await eventOf('access.denied', id), {
    arguments: '[{"id":3,"input":{"id":1,"reason":"old"}},{}]',
  })
})

t.test('a subscription streams as events, and its denial is an event too', async (t) => {
  const fetch = await fetchAs('triage', 'issues')
  const open = (query: string) =>
    fetch(new URL('/graphql', hub.appUrl('issues')), {
      method: 'POST',
      headers: { 'content-type': JSON_TYPE, accept: 'text/event-stream' },
      body: JSON.stringify({ query }),
    })
  const stream = await open('subscription { ticks }')
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader()
  t.match(Buffer.from((await reader.read()).value as Uint8Array).toString(), /"ticks":1/)
  await reader.cancel()
  const denied = await open('subscription { other }')
  t.match(denied.headers.get('content-type'), 'text/event-stream')
  t.match(await denied.text(), /^event: next\ndata: .*operation_not_allowed.*\n\nevent: complete\n/)
})

const deep = (levels: number) => `{${'a{'.repeat(levels)}b${'}'.repeat(levels)}}`
for (const [why, body, headers] of [
  ['no document', { extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } }],
  [
    'the hash of another document',
    q('{viewer}', { extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } }),
  ],
  ['a stored document beside one', q('{viewer}', { documentId: 'x' })],
  ['an extension that names a document', q('{viewer}', { extensions: { id: 'x' } })],
  ['a name in other capitals', q('{viewer}', { OperationName: 'x' })],
  ['a duplicate name', '{"query":"{viewer}","query":"{secret}"}'],
  ['a duplicate name in another writing', '{"query":"{viewer}","qu\\u0065ry":"{secret}"}'],
  ['a byte order mark', '\ufeff{"query":"{viewer}"}'],
  ['two documents of JSON', '{"query":"{viewer}"}{}'],
  ['two operations and no name', q('query A {viewer} query B {secret}')],
  ['an operationName of nothing', q('query A {viewer} query B {secret}', { operationName: '' })],
  ['an operationName that is not there', q('query A {viewer}', { operationName: 'B' })],
  ['two operations of one name', q('query A {viewer} mutation A {createIssue}', { operationName: 'A' })],
  [
    'an operation without a name beside others',
    q('{viewer} mutation B {createIssue}', { operationName: 'B' }),
  ],
  ['a fragment that contains itself', q('{...F} fragment F on Query {...F}')],
  ['a fragment that is not there', q('{...F}')],
  ['two fragments of one name', q('{...F} fragment F on Query {viewer} fragment F on Query {secret}')],
  ['types', q('{viewer} type A {b: Int}')],
  ['a block string', q('{issue(id: ["""a" ] ) secret(x: ["b"""])}')],
  ['a comment that ends for some', q('{viewer #\u2028 secret\n}')],
  ['a carriage return alone', q('{viewer #\r secret\n}')],
  ['65 levels', q(deep(70))],
  ['ten thousand levels', q(deep(10_000))],
  ['too many tokens', q(`{viewer{${'a '.repeat(6_000)}}}`)],
  ['too many fields', q(`{${Array.from({ length: 101 }, (_, at) => `a${at}`).join(' ')}}`)],
  ['a long comment', q(`{viewer} #${'x'.repeat(70_000)}`)],
  ['a body that is too long', q(`{viewer} #${'x'.repeat(210_000)}`)],
  ['many tokens in a batch', Array.from({ length: 3 }, () => q(`{viewer{${'a '.repeat(2_000)}}}`))],
  ['an empty batch', []],
  ['a batch in a batch', [[q('{viewer}')]]],
  ['no field', q('{ }')],
  ['not GraphQL', q('viewer')],
  ['a form', 'query=%7Bviewer%7D', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['an upload', '--x--', { 'content-type': 'multipart/form-data; boundary=x' }],
  ['text', '{"query":"{viewer}"}', { 'content-type': 'text/plain' }],
  ['another charset', '{"query":"{viewer}"}', { 'content-type': 'application/json; charset=utf-16' }],
  [
    'bytes that are not UTF-8',
    Buffer.from('7b76696577657223ff0a7d', 'hex'),
    { 'content-type': 'application/graphql' },
  ],
  ['a compressed body', gzipSync('{"query":"{viewer}"}'), { 'content-encoding': 'gzip' }],
] as readonly [string, unknown, Record<string, string>?][])
  t.test(`${why}: denied, and nothing is forwarded`, async (t) => {
    const before = arrived
    t.match(await send(body, headers), { status: 400, text: /"reason":"operation_unreadable"/ })
    t.equal(arrived, before)
  })

for (const parameters of [
  'query=mutation{closeIssue}',
  'query={viewer}&query={secret}',
  'query={viewer}&id=x',
  'query={viewer};query={secret}',
  'qu%65ry={viewer}',
  'query={viewer}%23%ff',
  'query={viewer}&variables={"a":1,"a":2}',
  'query={viewer}&extensions={"persistedQuery":{}}',
  '',
])
  t.test(`GET ?${parameters}: denied, and nothing is forwarded`, async (t) => {
    const before = arrived
    t.match(await get(parameters), { status: 400, text: /"reason":"operation_unreadable"/ })
    t.equal(arrived, before)
  })

t.test('a POST with a query, another method and a WebSocket are denied', async (t) => {
  const before = arrived
  const fetch = await fetchAs('triage', 'issues')
  const url = (more: string) => new URL(`/graphql${more}`, hub.appUrl('issues'))
  const init = { method: 'POST', headers: { 'content-type': JSON_TYPE }, body: JSON.stringify(q('{viewer}')) }
  t.equal((await fetch(url('?query={secret}'), init)).status, 400)
  t.equal((await fetch(url(''), { ...init, method: 'PUT' })).status, 403)
  const upgrade = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  }
  let bearer = ''
  await fetchAs('triage', 'issues', (value) => (bearer = value))
  const { hostname, port } = url('')
  const status = await new Promise((resolve, reject) => {
    const headers = { host: `${hostname}:${port}`, authorization: `Bearer ${bearer}`, ...upgrade }
    const sent = request({
      host: '127.0.0.1',
      port,
      servername: hostname,
      ca: hub.ca,
      path: '/graphql',
      headers,
    })
    sent
      .on('error', reject)
      .on('response', (response) => resolve(response.resume().statusCode))
      .end()
  })
  t.ok(status === 400 || status === 403, `${status}`)
  t.equal(arrived, before)
})

t.test('a body in pieces of any size is decided as a whole', async (t) => {
  let bearer = ''
  await fetchAs('triage', 'issues', (value) => (bearer = value))
  const { hostname, port } = new URL(hub.appUrl('issues'))
  const post = (body: Buffer, size: number) =>
    new Promise<string>((resolve, reject) => {
      const headers = {
        host: `${hostname}:${port}`,
        authorization: `Bearer ${bearer}`,
        'content-type': JSON_TYPE,
      }
      const about = {
        host: '127.0.0.1',
        port,
        servername: hostname,
        ca: hub.ca,
        path: '/graphql',
        method: 'POST',
        headers,
      }
      const sent = request(about, (response) => {
        let text = ''
        response.on('data', (piece) => (text += piece)).on('end', () => resolve(text))
      })
      sent.on('error', reject)
      const write = async () => {
        for (let at = 0; at < body.length; at += size) {
          sent.write(body.subarray(at, at + size))
          await sleep(1)
        }
        sent.end()
      }
      write().catch(reject)
    })
  const good = Buffer.from(JSON.stringify(q('{ viewer } # é')))
  const bad = Buffer.from(JSON.stringify(q('{ viewer secret } # é')))
  for (const size of [1, 2, 7, 33]) {
    t.match(await post(good, size), /"viewer":"viewer"/)
    t.match(await post(bad, size), /operation_not_allowed/)
  }
})

t.test('patterns of rules are of GraphQL', async (t) => {
  for (const pattern of ['viewer', 'fragment:x', 'query:', 'query:a.b', 'query *'])
    await t.rejects(
      hub.api('PUT', '/roles/wrong', {
        kind: 'role',
        version: 'v1',
        metadata: { name: 'wrong' },
        spec: {
          allow: { app_labels: { '*': '*' }, app_rules: [{ ...path, operations: { graphql: [pattern] } }] },
        },
      }),
      /not an operation of graphql/,
    )
})
