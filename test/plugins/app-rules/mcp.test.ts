// together: programs
/** Rules about operations of MCP, with both generations of the official SDK as client and as server. */
import {
  Client as NewClient,
  StreamableHTTPClientTransport as NewTransport,
} from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer as NewServer } from '@modelcontextprotocol/server'
import t from 'tap'
import { z } from 'zod'
import { listenerOf, serve, startOperations } from './operations-world.ts'

const TOOLS = ['search_docs', 'search_code', 'delete_all'] as const
const mcp = { methods: ['POST', 'GET', 'DELETE'], paths: ['/mcp'] }
const world = await startOperations(t, {
  reader: {
    allow: {
      app_rules: [
        {
          ...mcp,
          name: 'search',
          operations: { mcp: ['tools/list', 'tools/call:search_*'], record: ['query'] },
        },
      ],
    },
  },
  careful: { deny: { app_rules: [{ ...mcp, operations: { mcp: ['tools/call:Delete_*'] } }] } },
  all: {},
  stepped: {
    allow: {
      app_rules: [
        { ...mcp, operations: { mcp: ['*'] } },
        { ...mcp, operations: { mcp: ['tools/call:delete_*'] }, require: { confirm_within: '5m' } },
      ],
    },
  },
})
const { hub, register, fetchAs, eventOf } = world

/** The calls that reached a tool. */
const called: string[] = []
/** The bodies that reached a server. */
const bodies: string[] = []
const ids: string[] = []

function addTools(server: { registerTool: (...args: never[]) => unknown }) {
  const add = server.registerTool.bind(server) as (name: string, about: object, run: unknown) => void
  for (const name of TOOLS)
    add(name, { description: name, inputSchema: z.object({ query: z.string().optional() }) }, async () => {
      called.push(name)
      return { content: [{ type: 'text', text: name }] }
    })
}

const old = await serve(t, async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks).toString()
  bodies.push(body)
  ids.push(String(request.headers['x-request-id']))
  const server = new McpServer({ name: 'old', version: '1.0.0' })
  const add = server.registerTool.bind(server) as never as (name: string, about: object, run: unknown) => void
  for (const name of TOOLS)
    add(name, { description: name, inputSchema: { query: z.string().optional() } }, async () => {
      called.push(name)
      return { content: [{ type: 'text', text: name }] }
    })
  const json = request.url === '/mcp?json'
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: undefined,
    enableJsonResponse: json,
  } as never)
  await server.connect(transport as never)
  await transport.handleRequest(request, response, body === '' ? undefined : JSON.parse(body))
})
const handler = createMcpHandler(() => {
  const server = new NewServer({ name: 'new', version: '1.0.0' })
  addTools(server as never)
  return server as never
})
const modern = await serve(t, listenerOf(handler.fetch))
await register('old', { uri: old })
await register('new', { uri: modern })

const urlOf = (app: string, query = '') => new URL(`/mcp${query}`, hub.appUrl(app))

async function connect(generation: 'old' | 'new', bot: string, app: string, query = '') {
  const fetch = await fetchAs(bot, app)
  const url = urlOf(app, query)
  if (generation === 'old') {
    const client = new Client({ name: 'test', version: '1.0.0' })
    await client.connect(new StreamableHTTPClientTransport(url, { fetch }) as never)
    return client
  }
  const client = new NewClient({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new NewTransport(url, { fetch }))
  return client as never as Client
}

const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => ({ data: { reason: 'none' } }),
    (error: { data?: { reason?: string; request_id?: string }; message: string }) => error,
  )

for (const generation of ['old', 'new'] as const)
  for (const [app, query] of [
    ['old', ''],
    ['old', '?json'],
    ['new', ''],
  ] as const)
    t.test(
      `the ${generation} client calls tools of the role at the ${app} server${query}, and no others`,
      async (t) => {
        const client = await connect(generation, 'reader', app, query)
        const { tools } = await client.listTools()
        t.same(tools.map(({ name }) => name).sort(), ['search_code', 'search_docs'], 'the list is filtered')
        const before = called.length
        t.match(await client.callTool({ name: 'search_docs', arguments: { query: 'x' } }), {
          content: [{ text: 'search_docs' }],
        })
        const refused = await errorOf(client.callTool({ name: 'delete_all' }))
        t.match(refused, { data: { reason: 'operation_not_allowed', request_id: String } })
        t.same(called.slice(before), ['search_docs'])
        await client.close()
      },
    )

t.test('a role without rules has the whole app, and a rule under deny takes a tool away', async (t) => {
  for (const generation of ['old', 'new'] as const) {
    const whole = await connect(generation, 'all', 'new')
    t.equal((await whole.listTools()).tools.length, 3)
    t.match(await whole.callTool({ name: 'delete_all' }), { content: [{ text: 'delete_all' }] })
    const careful = await connect(generation, 'careful', 'new')
    t.equal((await careful.listTools()).tools.length, 2)
    t.match(await errorOf(careful.callTool({ name: 'delete_all' })), {
      data: { reason: 'operation_not_allowed' },
    })
    await whole.close()
    await careful.close()
  }
})

t.test('a requirement of a rule is for its operations', async (t) => {
  const client = await connect('new', 'stepped', 'new')
  t.match(await client.callTool({ name: 'search_docs' }), { content: [{ text: 'search_docs' }] })
  t.match(await errorOf(client.callTool({ name: 'delete_all' })), {
    data: { reason: 'confirmation_required' },
  })
  await client.close()
})

const POST = {
  method: 'POST',
  headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
}
const send = async (
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  bot = 'reader',
) => {
  const fetch = await fetchAs(bot, 'old')
  const answer = await fetch(urlOf('old', '?json'), {
    ...POST,
    headers: { ...POST.headers, ...headers },
    body,
  })
  return { status: answer.status, text: await answer.text(), id: ids.at(-1) }
}
const call = (name: string, more: object = {}) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, ...more } })

t.test('a record names the operation, and the arguments that a rule names', async (t) => {
  const passed = await send(call('search_docs', { arguments: { query: 'secret plans', other: 'hidden' } }))
  t.equal(passed.status, 200)
  const { status, text } = await send(call('delete_all', { arguments: { query: 'x' } }))
  t.equal(status, 200)
  const { id, error } = JSON.parse(text)
  t.match({ id, error }, { id: 1, error: { code: -32003, data: { reason: 'operation_not_allowed' } } })
  const denied = await eventOf('access.denied', error.data.request_id)
  t.match(denied, { operation: 'tools/call:delete_all', reason: 'operation_not_allowed' })
  t.equal(denied.arguments, undefined)
  t.match(await eventOf('app.request', passed.id ?? ''), {
    operation: 'tools/call:search_docs',
    arguments: '{"query":"secret plans"}',
    rule: 'reader/search',
  })
})

t.test('a batch passes only if each of its messages is allowed', async (t) => {
  const one = JSON.parse(call('search_docs'))
  const other = { ...JSON.parse(call('delete_all')), id: 2 }
  const before = bodies.length
  const { status, text } = await send(JSON.stringify([one, other]))
  t.equal(status, 200)
  t.match(JSON.parse(text), [
    { id: 1, error: { data: { reason: 'operation_not_allowed' } } },
    { id: 2, error: {} },
  ])
  t.equal(bodies.length, before)
  t.notMatch((await send(JSON.stringify([one, { ...one, id: 2 }]))).text, /operation_/)
})

const good = call('search_docs')
const modernCall = call('search_docs', { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } })
const modernHeaders = { 'mcp-method': 'tools/call', 'mcp-name': 'search_docs' }
for (const [what, body, headers] of [
  ['two documents', `${good}${good}`],
  ['data after the document', `${good} x`],
  ['a comment', `/* */${good}`],
  ['a byte order mark', `\ufeff${good}`],
  ['a duplicate name', good.replace('"params"', '"method":"tools/call","params"')],
  ['a duplicate name in another writing', good.replace('"params"', '"\\u006dethod":"ping","params"')],
  [
    'a duplicate name deep inside',
    call('search_docs', { arguments: 0 }).replace('0', '{"a":[{"b":1,"b":2}]}'),
  ],
  ['a member in another case', good.replace('"params"', '"Method":"tools/list","params"')],
  ['a name in another case', good.replace('"name"', '"Name":"delete_all","name"')],
  ['a method in another case', good.replace('tools/call', 'Tools/Call')],
  ['a method with the name in it', good.replace('tools/call', 'tools/call:search_docs')],
  ['a name with a control character', call('search_docs\0')],
  ['no name', good.replace('"name"', '"title"')],
  ['a name that is an array', good.replace('"search_docs"', '["search_docs"]')],
  ['65 levels', call('search_docs', { arguments: 0 }).replace('0}', `${'['.repeat(65)}${']'.repeat(65)}}`)],
  ['100,000 levels', '['.repeat(100_000)],
  [
    'bytes that are not UTF-8',
    Buffer.concat([Buffer.from(good.slice(0, -2)), Buffer.from([0xff, 0x7d, 0x7d])]),
  ],
  ['UTF-16', Buffer.from(good, 'utf16le')],
  ['a huge body', call('search_docs', { arguments: { query: 'x'.repeat(1 << 20) } })],
  ['no body', ''],
  ['an empty batch', '[]'],
  ['a compressed body', good, { 'content-encoding': 'gzip' }],
  ['another type', good, { 'content-type': 'text/plain' }],
  ['another charset', good, { 'content-type': 'application/json; charset=utf-16' }],
  ['a header with another name', good, { 'mcp-name': 'harmless' }],
  ['a header with another method', good, { 'mcp-method': 'tools/list' }],
  ['an encoded header with another name', good, { 'mcp-name': '=?base64?aGFybWxlc3M=?=' }],
  ['an encoded header that is not Base64', good, { 'mcp-name': '=?base64?####?=' }],
  ['the new revision without headers', modernCall],
  ['the new revision without the name', modernCall, { 'mcp-method': 'tools/call' }],
  ['two revisions', modernCall, { ...modernHeaders, 'mcp-protocol-version': '2025-06-18' }],
  ['a header of the new revision alone', good, { 'mcp-protocol-version': '2026-07-28' }],
  ['a batch of the new revision', `[${modernCall}]`, modernHeaders],
] as readonly [string, string | Uint8Array<ArrayBuffer>, Record<string, string>?][])
  t.test(`${what}: denied, and nothing reaches the app`, async (t) => {
    const before = bodies.length
    for (const bot of what.includes('method in another case') ? ['reader'] : ['reader', 'careful']) {
      const { status, text } = await send(body, headers, bot)
      t.ok(status === 400 || status === 200, String(status))
      t.match(text, /"reason":"operation_(?:unreadable|not_allowed)"/)
    }
    t.equal(bodies.length, before)
  })

t.test('a denied operation in another spelling is denied too', async (t) => {
  const before = bodies.length
  for (const body of [
    call('DELETE_all'),
    call('ｄelete_all'),
    good.replace('tools/call', 'Tools/Call').replace('search_docs', 'delete_all'),
  ])
    t.match((await send(body, {}, 'careful')).text, /operation_not_allowed|operation_unreadable/)
  t.equal(bodies.length, before)
})

t.test('headers of the new revision that agree pass, encoded or not', async (t) => {
  for (const name of ['search_docs', `=?base64?${Buffer.from('search_docs').toString('base64')}?=`])
    t.notMatch((await send(modernCall, { ...modernHeaders, 'mcp-name': name })).text, /operation_/)
})

t.test('a body that is cut into single bytes is read as a whole', async (t) => {
  const fetch = await fetchAs('reader', 'old')
  const bytes = Buffer.from(good)
  const stream = new ReadableStream({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]))
      controller.close()
    },
  })
  const answer = await fetch(urlOf('old', '?json'), { ...POST, body: stream, duplex: 'half' } as RequestInit)
  t.equal(answer.status, 200)
  t.equal(bodies.at(-1), good)
})

t.test(
  'other methods of HTTP and WebSockets are denied, and a stream without operation is what methods say',
  async (t) => {
    const fetch = await fetchAs('reader', 'old')
    t.equal((await fetch(urlOf('old'), { method: 'PUT', body: good })).status, 403)
    const before = bodies.length
    for (const length of [2, 2 << 20])
      t.equal((await fetch(urlOf('old'), { method: 'DELETE', body: 'x'.repeat(length) })).status, 400)
    t.equal(bodies.length, before)
    const opened = await fetch(urlOf('old'), { headers: { accept: 'text/event-stream' } })
    t.equal(opened.status, 200)
    await opened.body?.cancel()
  },
)

t.test('a stream ends when the role goes', async (t) => {
  const client = await fetchAs('reader', 'old')
  const opened = await client(urlOf('old'), { headers: { accept: 'text/event-stream' } })
  t.equal(opened.status, 200)
  const ended = opened.text().catch(() => 'cut')
  await hub.api('PUT', '/bots/reader', {
    kind: 'bot',
    version: 'v1',
    metadata: { name: 'reader' },
    spec: { roles: ['guests'] },
  })
  t.equal(await ended, 'cut')
})
