// together: programs
/** The hub as a server of MCP, with both generations of the official client: what an administrator finds and what goes with a right. */
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import t from 'tap'
import { until } from '../../until.ts'
import { startMcp } from './mcp-world.ts'

const { hub, tokens, putRole, connect } = await startMcp(t)

const namesOf = async (client: Client) => (await client.listTools()).tools.map(({ name }) => name).sort()
const DOCS = ['read_documentation', 'search_documentation']
const ALWAYS = ['check_change', ...DOCS]
const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => ({ code: 0, data: {} }),
    (error: { code?: number; data?: object; message: string }) => error,
  )
type Content = Readonly<Record<string, unknown>>
async function ask(client: Client, name: string, given: object = {}) {
  const answer = await client.callTool({ name, arguments: given as Content })
  const [text] = answer.content as { text: string }[]
  t.strictSame(JSON.parse(text?.text ?? ''), answer.structuredContent, 'text says the same')
  return { isError: answer.isError === true, content: answer.structuredContent as Content }
}

for (const generation of ['old', 'new'] as const)
  t.test(`the ${generation} client`, async (t) => {
    await t.test('finds the hub, its version, and the tools of an administrator', async (t) => {
      const client = await connect(generation, tokens.admin)
      const { version } = await hub.api<{ version: string }>('GET', '/status')
      t.strictSame(client.getServerVersion(), { name: 'mezite', version })
      t.match(client.getInstructions(), /nothing can be changed/)
      const { tools } = await client.listTools()
      t.strictSame(
        tools.map(({ name }) => name).sort(),
        [...ALWAYS, 'explain_access', 'read_status', 'search_audit'].sort(),
      )
      for (const { annotations, inputSchema } of tools) {
        t.equal(annotations?.readOnlyHint, true)
        t.match(inputSchema, { type: 'object', additionalProperties: false })
      }
      await client.close()
    })

    await t.test('reads the documentation, the status, why access is given, and the trail', async (t) => {
      const client = await connect(generation, tokens.admin)
      const { content } = await ask(client, 'search_documentation', { question: 'restore a backup' })
      const [place] = content.places as { id: string }[]
      t.match(place, { id: String, title: String, heading: String, excerpt: String })
      const page = await ask(client, 'read_documentation', { page: place?.id })
      t.match(page.content, { page: place?.id.split('#')[0], markdown: /backup/i })
      t.match(await ask(client, 'read_documentation', { page: '../../package' }), {
        isError: true,
        content: { code: 'page_not_found' },
      })
      t.match((await ask(client, 'read_status')).content, { status: { cluster: 'test' } })
      const explained = await ask(client, 'explain_access', { user: 'maker@example.com', app: 'one' })
      t.match(explained.content, { explanation: { effect: String, reason: String } })
      t.match(await ask(client, 'explain_access', { user: 'nobody@example.com', app: 'one' }), {
        content: {},
      })
      const found = await ask(client, 'search_audit', { type: 'role.created', limit: 3 })
      t.match(found.content.events, [{ type: 'role.created' }, {}, {}])
      t.match(await ask(client, 'search_audit', { type: 'role.creatid' }), {
        isError: true,
        content: { status: 400, code: 'audit_type_unknown', detail: /role\.created/ },
      })
      await client.close()
    })

    await t.test('checks a change, says what that does not check, and nothing is changed', async (t) => {
      const before = await hub.api('GET', '/roles')
      const put = { method: 'PUT', path: '/v1/webapi/roles/new' }
      const body = { kind: 'role', version: 'v1', metadata: { name: 'new' }, spec: {} }
      const keeper = await connect(generation, tokens.keeper)
      const allowed = await ask(keeper, 'check_change', { ...put, body })
      t.match(allowed, {
        isError: false,
        content: { allowed: true, changed: false, checked: [String], not_checked: [/content of a document/] },
      })
      const denied = await ask(keeper, 'check_change', { method: 'DELETE', path: '/v1/webapi/users/maker' })
      t.match(denied, {
        isError: false,
        content: { allowed: false, problem: { status: 403, code: 'access_denied', detail: /user\.delete/ } },
      })
      t.strictSame(await hub.api('GET', '/roles'), before)
      const root = await connect(generation, tokens.admin)
      t.match(
        (await ask(root, 'check_change', { method: 'POST', path: '/v1/webapi/users', body: { nam: 1 } }))
          .content,
        {
          allowed: false,
          problem: { status: 400 },
        },
      )
      // These would run: they need a right to read, or none.
      for (const [method, path] of [
        ['POST', '/v1/webapi/roles/preview'],
        ['POST', '/v1/webapi/connectors/sso/test'],
        ['DELETE', '/v1/webapi/me/sessions'],
        ['POST', '/v1/webapi/no/such/route'],
      ])
        t.match((await ask(root, 'check_change', { method, path })).content, {
          allowed: false,
          problem: { status: /^40[34]$/ },
        })
      await keeper.close()
      await root.close()
    })

    await t.test('sees the tools of its rights alone, and loses them with the right', async (t) => {
      const watcher = await connect(generation, tokens.watcher)
      const auditor = await connect(generation, tokens.auditor)
      t.strictSame(await namesOf(watcher), [...ALWAYS, 'read_status'].sort())
      t.strictSame(await namesOf(auditor), [...ALWAYS, 'explain_access', 'search_audit'].sort())
      for (const [client, name] of [
        [watcher, 'search_audit'],
        [watcher, 'explain_access'],
        [auditor, 'read_status'],
      ] as const)
        t.match(await errorOf(client.callTool({ name })), {
          code: -32003,
          data: { reason: 'access_denied', request_id: String },
        })
      await putRole('auditor', ['access.read'])
      await until(async () => !(await namesOf(auditor)).includes('search_audit'), 'the tool vanishes')
      t.match(await errorOf(auditor.callTool({ name: 'search_audit' })), { code: -32003 })
      t.ok((await namesOf(auditor)).includes('explain_access'))
      await putRole('auditor', ['audit.list', 'access.read'])
      await until(async () => (await namesOf(auditor)).includes('search_audit'), 'the tool is back')
      await watcher.close()
      await auditor.close()
    })

    await t.test('gets an error for another tool and for arguments that do not fit', async (t) => {
      const client = await connect(generation, tokens.admin)
      t.match(await errorOf(client.callTool({ name: 'delete_all' })), { code: -32602 })
      for (const [name, given] of [
        ['search_documentation', {}],
        ['search_documentation', { question: '' }],
        ['search_documentation', { question: 'x'.repeat(201) }],
        ['search_documentation', { question: 'x', more: 1 }],
        ['search_audit', { limit: 0 }],
        ['search_audit', { limit: 1.5 }],
        ['search_audit', { user: ['x'] }],
        ['search_audit', { toString: 'x' }],
        ['explain_access', { user: 'a', app: 'one', way: 'door' }],
        ['check_change', { method: 'GET', path: '/v1/webapi/roles' }],
        ['check_change', { method: 'DELETE', path: '/web/logout' }],
        ['check_change', { method: 'DELETE', path: '/v1/webapi/../web/logout' }],
        ['check_change', { method: 'DELETE', path: '/v1/webapi/roles/x?force=1' }],
        ['check_change', { method: 'DELETE', path: '//evil.example/v1/webapi/roles' }],
        ['check_change', { method: 'PUT', path: '/v1/webapi/roles/x', body: [] }],
      ] as const)
        t.match(
          await errorOf(client.callTool({ name, arguments: given as never })),
          { code: -32602, data: { reason: 'bad_request' } },
          `${name} ${JSON.stringify(given)}`,
        )
      await client.close()
    })
  })

t.test('a record names the caller, the tool, and the change that was checked', async (t) => {
  const client = await connect('new', tokens.keeper)
  await ask(client, 'check_change', { method: 'DELETE', path: '/v1/webapi/users/somebody' })
  await errorOf(client.callTool({ name: 'read_status' }))
  await client.close()
  const events = () =>
    hub.api<{ tool: string; user: string }[]>('GET', '/audit?type=tool.called&user=token:keep&limit=100')
  await until(async () => (await events()).some(({ tool }) => tool === 'read_status'), 'the records')
  const all = await events()
  t.match(all.at(-1), { user: 'token:keep', tool: 'read_status', success: false, reason: 'access_denied' })
  t.match(all.at(-2), {
    tool: 'check_change',
    call: 'DELETE /v1/webapi/users/somebody',
    success: false,
    reason: 'access_denied',
  })
})
