// together: programs
/** The official MCP SDK as client and, behind the hub and unchanged, as server: how agents find their way to a token. */
import { randomUUID } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { testCertificate } from '@mezite/core/testing'
import { type OAuthClientProvider, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InMemoryEventStore } from '@modelcontextprotocol/sdk/examples/shared/inMemoryEventStore.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import t from 'tap'
import { loopbackFetch } from '../../../examples/cluster/loopback-fetch.ts'
import { createAuthorizationServer } from '../../../plugins/authorization-server/hub.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { allow, follow, REDIRECT, startWorld } from './world.ts'

/** An MCP server that knows nothing of the hub: one tool, which reports its progress until it is told to end. */
const sessions = new Map<string, StreamableHTTPServerTransport>()
const users: unknown[] = []
let finish = () => {}
const upstream = createServer(async (request, response: ServerResponse) => {
  users.push(request.headers['x-mezite-user'])
  const known = sessions.get(String(request.headers['mcp-session-id']))
  if (known) return known.handleRequest(request, response)
  const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: new InMemoryEventStore(),
    onsessioninitialized: (id) => void sessions.set(id, transport),
  })
  const server = new McpServer({ name: 'tools', version: '1.0.0' })
  server.registerTool('whoami', { description: 'Says who calls' }, async ({ requestInfo }) => ({
    content: [{ type: 'text', text: String(requestInfo?.headers['x-mezite-user']) }],
  }))
  server.registerTool('wait', { description: 'Waits' }, async ({ sendNotification, _meta }) => {
    let ended = false
    finish = () => {
      ended = true
    }
    for (let progress = 1; !ended; progress++) {
      await sendNotification({
        method: 'notifications/progress',
        params: { progressToken: _meta?.progressToken ?? 0, progress },
      })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return { content: [{ type: 'text', text: 'done' }] }
  })
  await server.connect(transport as never)
  await transport.handleRequest(request, response)
})
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  upstream.closeAllConnections()
  upstream.close()
})

/** Where the client publishes its metadata. */
const certificate = await testCertificate(['localhost'])
let fetches = 0
const publisher = createHttps({ key: certificate.key, cert: certificate.cert }, (_request, response) => {
  fetches++
  response.setHeader('content-type', 'application/json')
  response.end(
    JSON.stringify({
      client_id: clientUrl,
      client_name: 'Example agent',
      redirect_uris: [REDIRECT],
      token_endpoint_auth_method: 'none',
    }),
  )
})
await new Promise<void>((resolve) => publisher.listen(0, '127.0.0.1', resolve))
t.teardown(() => publisher.close())
const publisherPort = (publisher.address() as AddressInfo).port
const clientUrl = `https://localhost:${publisherPort}/client.json`

const world = await startWorld(t, {
  plugin: createAuthorizationServer({ accepts: () => true, ca: certificate.ca }),
  config: { metadata_ports: [publisherPort] },
})
const { hub, person, register } = world
await register('mcp', { uri: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` })
person('alice', 'staff')
const fetch = loopbackFetch(hub.ca) as never as typeof globalThis.fetch
const endpoint = new URL('/mcp', hub.appUrl('mcp'))

/** What the SDK demands of a program: it keeps its tokens, and opens the browser. */
function programOf(metadataUrl?: string) {
  const kept: { client?: never; tokens?: never; verifier: string; asked: URL | null } = {
    verifier: '',
    asked: null,
  }
  const provider: OAuthClientProvider = {
    redirectUrl: REDIRECT,
    ...(metadataUrl === undefined ? {} : { clientMetadataUrl: metadataUrl }),
    clientMetadata: {
      client_name: 'SDK program',
      redirect_uris: [REDIRECT],
      token_endpoint_auth_method: 'none',
    },
    clientInformation: () => kept.client,
    saveClientInformation: (information) => {
      kept.client = information as never
    },
    tokens: () => kept.tokens,
    saveTokens: (tokens) => {
      kept.tokens = tokens as never
    },
    redirectToAuthorization: (url) => {
      kept.asked = url
    },
    saveCodeVerifier: (verifier) => {
      kept.verifier = verifier
    },
    codeVerifier: () => kept.verifier,
    invalidateCredentials: (scope) => {
      if (scope === 'all' || scope === 'tokens') delete kept.tokens
    },
  }
  return { kept, provider }
}

async function connect(program: ReturnType<typeof programOf>) {
  const client = new Client({ name: 'test', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(endpoint, { authProvider: program.provider, fetch })
  await client.connect(transport as never)
  return { client, transport }
}

/** Connects, lets the program in with the browser, and connects again with its token. */
async function enter(program: ReturnType<typeof programOf>, visitor = hub.visitor()) {
  const client = new Client({ name: 'test', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(endpoint, { authProvider: program.provider, fetch })
  await client.connect(transport as never).then(
    () => t.fail('it connects without a token'),
    (error) => t.ok(error instanceof UnauthorizedError, String(error)),
  )
  const page = await follow(visitor, String(program.kept.asked), new URL(REDIRECT).origin)
  if (page instanceof URL) throw new Error(page.href)
  const target = await allow(visitor, page)
  if (!(target instanceof URL)) throw new Error(target.text)
  await transport.finishAuth(target.searchParams.get('code') ?? '')
  return { page, ...(await connect(program)) }
}

const textOf = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text

for (const [way, metadata] of [
  ['a program that registers itself', undefined],
  ['a program that publishes its metadata', clientUrl],
] as const)
  t.test(`${way} finds the way from 401 to a token, and calls a tool`, async (t) => {
    const { client, page } = await enter(programOf(metadata))
    t.match(page.text, metadata ? 'published by localhost:' : 'SDK program')
    t.equal(textOf(await client.callTool({ name: 'whoami' })), 'alice@example.com')
    t.equal(users.at(-1), 'alice@example.com')
    await client.close()
  })

t.test('S202 the metadata of a program is fetched only after somebody has signed in', async (t) => {
  const before = fetches
  const other = `${clientUrl}?other`
  const query = new URLSearchParams({
    client_id: other,
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: 'app',
  })
  const answer = await hub.visitor().fetch(`${hub.signInUrl}/v1/oauth/authorize?${query}`)
  t.match(answer, { status: 303, headers: { location: /\/web\/login\?/ } })
  for (const path of ['token', 'revoke', 'introspect', 'device_authorization']) {
    const refused = await hub.visitor().fetch(`${hub.signInUrl}/v1/oauth/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        client_id: other,
        grant_type: 'refresh_token',
        refresh_token: 'x',
        token: 'x',
      }).toString(),
    })
    t.match(refused, { status: 400, text: /invalid_client/ }, path)
  }
  t.equal(fetches, before)
})

t.test('a call streams, resumes after a lost connection, and ends when access is revoked', async (t) => {
  const program = programOf(clientUrl)
  const { client, transport } = await enter(program)
  const progress: number[] = []
  const ids: string[] = []
  const first = client.callTool({ name: 'wait' }, undefined, {
    onprogress: ({ progress: at }) => void progress.push(at),
    resetTimeoutOnProgress: true,
    onresumptiontoken: (id) => void ids.push(id),
  })
  const until = async (done: () => boolean) => {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await until(() => progress.length > 3)
  finish()
  t.equal(textOf(await first), 'done')
  t.strictSame(progress.slice(0, 3), [1, 2, 3])
  const resumed = await fetch(endpoint, {
    headers: {
      accept: 'text/event-stream',
      'last-event-id': ids[0] ?? '',
      authorization: `Bearer ${(program.kept.tokens as unknown as { access_token: string }).access_token}`,
      'mcp-session-id': transport.sessionId ?? '',
      'mcp-protocol-version': '2025-06-18',
    },
  })
  t.equal(resumed.status, 200)
  let missed = ''
  for await (const chunk of resumed.body ?? []) {
    missed += Buffer.from(chunk as Uint8Array).toString()
    if (missed.includes('"done"')) break
  }
  t.match(missed, /"progress":2.*"progress":3/s, 'what was missed comes again')

  const session = (await hub.api<{ id: string; kind: string }[]>('GET', '/sessions')).filter(
    ({ kind }) => kind === 'token',
  )
  let seen = 0
  const second = client.callTool({ name: 'wait' }, undefined, { onprogress: () => void seen++ })
  const failed = second.then(
    () => false,
    () => true,
  )
  await until(() => seen > 3)
  const errors: Error[] = []
  transport.onerror = (error) => void errors.push(error)
  const watch = startStopwatch()
  for (const { id } of session) await hub.api('DELETE', `/sessions/${id}`).catch(() => {})
  await until(() => errors.length > 0)
  t.ok(watch.took() < 3_000, 'the stream is cut')
  const after = await client.callTool({ name: 'whoami' }).then(
    () => 'answered',
    (error) => error.constructor.name,
  )
  t.not(after, 'answered')
  finish()
  await client.close()
  t.ok(await failed)
})
