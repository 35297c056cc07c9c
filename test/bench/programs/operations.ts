/**
 * Decides about calls of MCP as the hub does: by the head, then by the body that a rule wants to see. Tells when it is ready
 * and then, for each message, the processor time of a call, and what the hub holds for each request whose body is not whole
 * yet.
 */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { catalog, defineHubPlugin, type Sessions, sessions } from '@mezite/core'
import { access } from '@mezite/core/protocol'
import { createTestHub } from '@mezite/core/testing'
import type { OperationsResult } from '../rows/operations.ts'
import { median } from '../statistics.ts'

const CALLS = 2_000
const PASSES = 7
/** Requests of each of two people whose bodies are read at once: as many as the hub allows. */
const READING = 32
const MEBIBYTE = 1 << 20
/** Looks at the memory that must agree. */
const SETTLED = 4
const UNFINISHED = Buffer.alloc(MEBIBYTE - 1, 'x')
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const LABELS = { team: 'platform' }
const call = (bytes: number) => {
  const of = (text: string) =>
    JSON.stringify({
      ...{ jsonrpc: '2.0', id: 7, method: 'tools/call' },
      params: { name: 'search_docs', arguments: { query: text, limit: 20 } },
    })
  return of('x'.repeat(bytes - of('').length))
}
const HEADERS = ['Content-Type', 'application/json', 'Mcp-Method', 'tools/call', 'Mcp-Name', 'search_docs']

let opened: Sessions | undefined
let appOf: (name: string) => string = () => ''
let decide: (app: string, token: string, body: Buffer | null) => Promise<void> = async () => {}
const plugin = defineHubPlugin({
  name: 'bench-operations',
  api: 1,
  summary: 'Decides about calls',
  needs: { access, catalog, sessions },
  setup({ use }) {
    opened = use.sessions
    appOf = (name) => use.catalog.byName(name)?.id ?? ''
    decide = async (name, token, body) => {
      const app = use.catalog.byName(name)
      const request = { method: 'POST', target: '/mcp' }
      const query = { app, protocol: 'http', clientIp: '127.0.0.1', requestId: '' } as const
      const ask = (more: object) =>
        use.access.admit({ ...query, who: { kind: 'token', token }, request: { ...request, ...more } })
      let outcome = await ask({})
      const reader = outcome.outcome === 'required' ? use.access.readerFor(outcome) : undefined
      if (reader !== undefined && outcome.outcome === 'required' && app !== undefined && outcome.subject) {
        const [requirement] = outcome.requirements
        if (requirement === undefined) throw new Error('nothing is required')
        const { subject } = outcome
        const about = { ...request, requirement, app, subject, headers: HEADERS, body, unread: false }
        outcome = await ask({ operations: await reader.read(about) })
      }
      if (outcome.outcome !== 'admitted') throw new Error(`a call is refused: ${outcome.outcome}`)
      outcome.close()
    }
  },
})

const hub = await createTestHub({
  plugins: [plugin],
  config: { plugins: { 'authorization-server': { enabled: true } } },
})
const put = (path: string, kind: string, name: string, spec: object, metadata = {}) =>
  hub.api('PUT', `/${path}/${name}`, { kind, version: 'v1', metadata: { name, ...metadata }, spec })
const uri = 'http://127.0.0.1:9'
await put('apps', 'app', 'ruled', { uri, agents: ['none'] }, { labels: LABELS })
await put('apps', 'app', 'plain', { uri, agents: ['none'] }, { labels: { team: 'none' } })
const mcp = { methods: ['POST'], paths: ['/mcp'], operations: { mcp: ['tools/list', 'tools/call:search_*'] } }
await put('roles', 'role', 'ruled', { allow: { app_labels: LABELS, app_rules: [mcp] } })
await put('roles', 'role', 'plain', { allow: { app_labels: { team: 'none' } } })
const tokens: string[] = []
for (const user of ['ann@example.com', 'bob@example.com']) {
  await hub.api('POST', '/users', { name: user, roles: ['ruled', 'plain'] })
  const session = await opened?.open({
    ...{
      kind: 'token',
      user,
      connector: 'sso',
      clientIp: '127.0.0.1',
      apps: [appOf('ruled'), appOf('plain')],
    },
    expires: Date.now() + 86_400_000,
  })
  tokens.push(session?.token ?? '')
}

async function microseconds(app: string, body: Buffer, calls: number): Promise<number> {
  const passes: number[] = []
  for (let pass = 0; pass < PASSES; pass++) {
    const begun = process.threadCpuUsage()
    for (let count = 0; count < calls; count++) await decide(app, tokens[0] ?? '', body)
    const { user, system } = process.threadCpuUsage(begun)
    passes.push((user + system) / calls)
  }
  return median(passes)
}

/** A request of which one byte is missing. */
async function unfinished(token: string): Promise<TLSSocket> {
  const { host, hostname } = new URL(hub.appUrl('ruled'))
  const socket = connect({ host: '127.0.0.1', port: hub.ports.public, servername: hostname, ca: hub.ca })
  socket.on('error', () => {})
  socket.resume()
  const head = [
    ...['POST /mcp HTTP/1.1', `Host: ${host}`, `Authorization: Bearer mezite_at_${token}`],
    ...['Content-Type: application/json', `Content-Length: ${MEBIBYTE}`, '', ''],
  ].join('\r\n')
  socket.write(head)
  await new Promise<void>((resolve) => socket.write(UNFINISHED, () => resolve()))
  return socket
}

/** What is in use, once it no longer changes. */
async function settled(): Promise<number> {
  let last = Number.NaN
  for (let same = 0; same < SETTLED; ) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    collect()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    const now = arrayBuffers + heapUsed
    same = Math.abs(now - last) < MEBIBYTE / 2 ? same + 1 : 0
    last = now
  }
  return last
}

async function held(): Promise<number> {
  const before = await settled()
  const sockets = await Promise.all(
    tokens.flatMap((token) => Array.from({ length: READING }, () => unfinished(token))),
  )
  const each = ((await settled()) - before) / sockets.length
  if (sockets.some(({ bytesRead }) => bytesRead > 0)) throw new Error('a request has got its response')
  // It is refused once it is whole, and nothing is held any longer.
  await Promise.all(
    sockets.map((socket) => {
      socket.write('x')
      return once(socket, 'data').finally(() => socket.destroy())
    }),
  )
  return each
}

async function measure(): Promise<OperationsResult> {
  const [small, large] = [Buffer.from(call(303)), Buffer.from(call(64 << 10))]
  return {
    plainUs: await microseconds('plain', small, CALLS),
    smallUs: await microseconds('ruled', small, CALLS),
    largeUs: await microseconds('ruled', large, CALLS / 20),
    heldBytes: await held(),
  }
}

process.on('SIGTERM', () => void hub.stop().then(() => process.exit(0)))
process.on('message', () => void measure().then((result) => process.send?.(result)))
process.send?.({ ready: true })
