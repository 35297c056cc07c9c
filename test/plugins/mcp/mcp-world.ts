import {
  Client as NewClient,
  StreamableHTTPClientTransport as NewTransport,
} from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { loopbackFetch } from '../../../examples/cluster/loopback-fetch.ts'
import { startOperations } from '../app-rules/operations-world.ts'

/** A hub with the plugin, and API tokens with different rights; gone with the test. */
export async function startMcp(t: Parameters<typeof startOperations>[0]) {
  const world = await startOperations(t, { guests: {} }, { mcp: { calls_per_minute: 10_000 } })
  const { hub, person } = world

  const rule = (right: string) => {
    const [kind, verb] = right.split('.')
    return { kinds: [kind], verbs: [verb] }
  }
  const putRole = (name: string, rights: readonly string[]) =>
    hub.api('PUT', `/roles/${name}`, {
      kind: 'role',
      version: 'v1',
      metadata: { name },
      spec: rights.length === 0 ? {} : { allow: { admin: rights.map(rule) } },
    })
  await putRole('watcher', ['status.read'])
  await putRole('auditor', ['audit.list', 'access.read'])
  await putRole('keeper', ['role.update'])
  await putRole('plain', [])
  const plain = loopbackFetch(hub.ca) as never as typeof globalThis.fetch
  const withToken =
    (token: string): typeof globalThis.fetch =>
    (url, init) => {
      const headers = new Headers(init?.headers)
      headers.set('authorization', `Bearer ${token}`)
      return plain(url, { ...init, headers: Object.fromEntries(headers) })
    }
  const endpoint = new URL('/mcp', hub.url)

  /** A person with all of these roles, who makes the API tokens. */
  person('maker', 'guests')
  const browser = hub.visitor()
  await browser.open(`${hub.url}/`)
  const cookies = browser.cookies(endpoint.host) ?? ''
  const session = /__Host-mezite_session=([\w-]+)/.exec(cookies)?.[1] ?? ''
  await hub.api('POST', '/users', { name: 'second@example.com', roles: ['admin'] })
  const setRoles = (...roles: string[]) => hub.api('PATCH', '/users/maker@example.com', { roles })
  await setRoles('admin', 'watcher', 'auditor', 'keeper', 'plain')

  async function makeToken(name: string, ...roles: string[]): Promise<string> {
    const answer = await withToken(session)(new URL('/v1/webapi/api-tokens', hub.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, roles }),
    })
    const { token } = (await answer.json()) as { token: string }
    if (!token) throw new Error(`no token: ${answer.status}`)
    return token
  }
  const tokens = {
    admin: await makeToken('all', 'admin'),
    watcher: await makeToken('watch', 'watcher'),
    auditor: await makeToken('look', 'auditor'),
    keeper: await makeToken('keep', 'keeper'),
    plain: await makeToken('plain', 'plain'),
  }

  async function connect(generation: 'old' | 'new', token: string) {
    const fetch = withToken(token)
    if (generation === 'old') {
      const client = new Client({ name: 'test', version: '1.0.0' })
      await client.connect(new StreamableHTTPClientTransport(endpoint, { fetch }) as never)
      return client
    }
    const client = new NewClient({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(new NewTransport(endpoint, { fetch }))
    return client as never as Client
  }

  return { ...world, endpoint, cookies, session, tokens, plain, putRole, setRoles, connect }
}
