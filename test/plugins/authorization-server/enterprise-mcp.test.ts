// together: programs
/** An employee's agent with the official MCP SDK: the provider vouches for it, and nobody consents to a server. */
import { randomUUID } from 'node:crypto'
import {
  Client,
  CrossAppAccessProvider,
  createPrivateKeyJwtAuth,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import t from 'tap'
import { loopbackFetch } from '../../../examples/cluster/loopback-fetch.ts'
import { createAuthorizationServer } from '../../../plugins/authorization-server/hub.ts'
import { listenerOf, serve } from '../app-rules/operations-world.ts'
import { seconds, startClient } from './enterprise-client.ts'
import { startWorld } from './world.ts'

const program = await startClient(t)
const world = await startWorld(t, {
  plugin: createAuthorizationServer({ accepts: () => true, ca: program.ca }),
  config: (issuer) => ({
    registration: false,
    metadata_ports: [program.port],
    enterprise: [{ issuer: issuer.url, connector: 'sso', client_ids: [program.id] }],
  }),
})
const { hub, issuer } = world
const users: unknown[] = []
const tools = createMcpHandler(() => {
  const server = new McpServer({ name: 'tools', version: '1.0.0' })
  server.registerTool('whoami', { description: 'Says who calls' }, async () => ({
    content: [{ type: 'text', text: String(users.at(-1)) }],
  }))
  return server as never
})
const answer = listenerOf(tools.fetch)
await world.register('mcp', {
  uri: await serve(t, (request, response) => {
    users.push(request.headers['x-mezite-user'])
    return answer(request, response)
  }),
})

/** The agent of a person, with the provider of their company. */
async function connect(sub: string) {
  const asked: {
    readonly audience: string
    readonly resource: string
    readonly scope: string | undefined
  }[] = []
  const fetch = loopbackFetch(hub.ca) as never as typeof globalThis.fetch
  const provider = new CrossAppAccessProvider({
    clientId: program.id,
    clientSecret: '',
    expectedIssuer: hub.signInUrl,
    fetchFn: fetch,
    assertion: ({ authorizationServerUrl: audience, resourceUrl: resource, scope }) => {
      asked.push({ audience: String(audience), resource: String(resource), scope })
      const claims = { aud: hub.signInUrl, client_id: program.id, resource, scope, jti: randomUUID() }
      const times = { iat: seconds(), exp: seconds() + 300 }
      return issuer.sign({ iss: issuer.url, sub, ...claims, ...times }, { typ: 'oauth-id-jag+jwt' })
    },
  })
  const addClientAuthentication = createPrivateKeyJwtAuth({
    issuer: program.id,
    subject: program.id,
    privateKey: program.pem,
    alg: 'ES256',
  })
  const client = new Client({ name: 'agent', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(
    new StreamableHTTPClientTransport(new URL('/mcp', hub.appUrl('mcp')), {
      authProvider: Object.assign(provider, { addClientAuthentication }),
      fetch,
    }),
  )
  return { client, asked }
}

t.test('the SDK finds the way from 401 to a token by itself, and calls a tool as the person', async (t) => {
  world.person('alice', 'staff')
  await hub.visitor().open(`${hub.signInUrl}/web/account`)
  const { client, asked } = await connect('alice')
  const result = (await client.callTool({ name: 'whoami' })) as { content: { text: string }[] }
  t.equal(result.content[0]?.text, 'alice@example.com')
  t.strictSame(asked, [{ audience: asked[0]?.audience, resource: world.resource('mcp'), scope: 'app' }])
  t.match(asked[0]?.audience, hub.signInUrl)
  await client.close()
})

t.test('S301 the SDK gets an error for somebody whom the hub does not know', async (t) => {
  const before = users.length
  await t.rejects(connect('mallory'))
  t.equal(users.length, before, 'nothing reaches the server')
})
