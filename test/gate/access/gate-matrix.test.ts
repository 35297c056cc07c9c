// long
/** Every way to an app by every demand of access, on one running hub: a line for each cell. */
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import {
  type App,
  type AuditEvent,
  appSources,
  auditSinks,
  type Catalog,
  catalog,
  credentials,
  defineAgentPlugin,
  defineHubPlugin,
  grants,
  type Revisions,
  revisions,
  type Sessions,
  sessions,
  type Users,
  users,
  verifiers,
} from '@mezite/core'
import type { ProposedApp } from '@mezite/core/administration'
import { type Access, access, appKinds, type ConnectionInfo, protocols, tunnel } from '@mezite/core/protocol'
import type { Visitor } from '@mezite/core/testing'
import type { Bots } from '@mezite/core/types'
import t from 'tap'
import { operator } from '../../../core/web/server/admin-socket.ts'
import verdicts from '../../../plugins/verdicts/hub.ts'
import { anyTables } from '../../any-tables.ts'
import { closed, type Login, open, ROLES, startTcpHub } from '../../plugins/tcp-apps/start-tcp-hub.ts'
import { until } from '../../until.ts'

/** The ALPN name of each app that `acme` serves. */
const ALPN = { echo: 'acme-echo/1', net: 'acme-net/1' } as const
let target = ''
let gate: Access
/**
 * Protocols of a third party: they reach the app `echo`, and a target through the app `net`, for the certificate of a user,
 * and say why not.
 */
const acme = defineHubPlugin({
  name: 'acme-echo',
  api: 1,
  summary: 'Echoes over a protocol of its own',
  needs: { access, catalog, tunnel },
  provides: { appKinds, protocols },
  setup({ use, provide }) {
    gate = use.access
    provide.appKinds({ name: 'acme-net', schemes: ['tcp'], servedByHub: false, targets: true })
    const serve = (name: keyof typeof ALPN, protocol: string) => ({
      ...({ name: `acme-${name}`, takes: 'alpn', alpn: ALPN[name], clientAuthority: 'user-ca' } as const),
      async accept(socket: TLSSocket, { clientIp }: ConnectionInfo) {
        socket.on('error', () => socket.destroy())
        const query = {
          who: use.access.callers.ofCertificate(socket),
          app: use.catalog.byName(name),
          protocol,
          clientIp,
          requestId: 'acme',
        } as const
        const outcome = await use.access.admit(query)
        if (outcome.outcome !== 'admitted') return void socket.end(`${outcome.status} ${outcome.code}`)
        const pipe = await use.tunnel.open(outcome, name === 'net' ? { target } : {})
        pipe.onclose = () => {
          outcome.close()
          socket.end()
        }
        socket.once('close', () => pipe.destroy())
        pipe.ondata = (chunk) => socket.write(chunk)
        socket.on('data', (chunk: Buffer) => pipe.write(chunk))
        socket.write('200')
      },
      async drain() {},
    })
    provide.protocols(serve('echo', 'tcp'))
    provide.protocols(serve('net', 'acme-net'))
  },
})

/** A policy by what only the request itself tells: its address and its protocol. */
const byContext = defineHubPlugin({
  name: 'by-context',
  api: 1,
  summary: 'Denies apps labelled `from` to other addresses, and apps labelled `over` to other protocols',
  setup({ tap }) {
    tap.access.decide(
      ({ app: { labels }, context: { clientIp, protocol } }, vote) => {
        if (labels.from !== undefined && labels.from !== clientIp) vote.deny('address_not_allowed')
        if (labels.over !== undefined && labels.over !== protocol) vote.deny('protocol_not_allowed')
      },
      { pure: true },
    )
  },
})

/** A policy by the request. */
const byRequest = defineHubPlugin({
  name: 'by-request',
  api: 1,
  summary: 'Denies holders of `events-only` all but `/events`, and holders of `no-events` that',
  setup({ tap }) {
    tap.access.decide(
      (query, vote) => {
        const only = query.subject.roles.includes('events-only')
        if (!only && !query.subject.roles.includes('no-events')) return
        if (query.request?.readings === null) return vote.deny('path_ambiguous', { status: 400 })
        const isEvents = query.request?.segments?.[0] === 'events'
        if (isEvents !== only) vote.deny('path_not_allowed')
      },
      { pure: true },
    )
  },
})

/** What plugins saw of requests that were admitted. */
const verifiedBy = new Set<string | null>()
/** Admits requests to one app by a header, and those to one path by their body too. */
const verifying = defineHubPlugin({
  name: 'verifying',
  api: 1,
  summary: 'Admits requests that say so',
  provides: { verifiers },
  setup({ provide, tap }) {
    tap.http.response((_response, { verified }) => void verifiedBy.add(verified))
    provide.verifiers({
      name: 'verifying',
      verify({ app, target, headers }) {
        if (app.name !== 'web' || !headers.includes('X-Signed')) return null
        const body = { limit: 6, check: (bytes: Buffer) => bytes.toString() === 'signed' }
        return target === '/body' ? { rule: 'by-body', body } : { rule: 'by-head' }
      },
    })
    provide.verifiers({
      name: 'verifying-sockets',
      webSockets: true,
      verify({ app, webSocket, headers }) {
        if (app.name !== 'web' || webSocket !== true || !headers.includes('X-Signed-Socket')) return null
        const body = { limit: 6, check: () => true }
        return { rule: 'socket', ...(headers.includes('X-Body') && { body }) }
      },
    })
  },
})

let changes: Revisions
let given: NonNullable<(typeof grants)['T']>
let opened: Sessions
let apps: Catalog
let people: Users
/** Agents by their names, with whom they act for. */
const agents = new Map<string, NonNullable<ReturnType<Bots['find']>>>()
/** Bearer tokens of a third party, also for agents that act for somebody. */
const tokens = defineHubPlugin({
  name: 'tokens',
  api: 1,
  summary: 'Lets programs in by a token',
  needs: { catalog, sessions, users },
  provides: { credentials },
  setup({ use, provide }) {
    opened = use.sessions
    apps = use.catalog
    people = use.users
    provide.credentials({
      name: 'token',
      from: 'header',
      at: 'app',
      headers: ['authorization', 'mezite-token'],
      bots: {
        find: (name) => agents.get(name),
        names: () => agents.keys(),
        findIn: async (_trx, name) => agents.get(name),
      },
      read(value) {
        const token = /^(?:Bearer )?acme_([A-Za-z0-9_-]{43})$/.exec(value)?.[1]
        return token === undefined ? null : { kind: 'token', token }
      },
    })
  },
})
let full = false
/** Everything that the hub has recorded. */
const trail: AuditEvent[] = []
const world = defineHubPlugin({
  name: 'world',
  api: 1,
  summary: 'Fills the audit trail, and changes what no operator can',
  needs: { grants, revisions },
  provides: { auditSinks },
  setup({ use, provide }) {
    changes = use.revisions
    given = use.grants
    provide.auditSinks({
      name: 'world',
      guarantee: 'enforced',
      async write(lines: string) {
        if (full) throw new Error('full')
        for (const line of lines.trimEnd().split('\n')) trail.push(JSON.parse(line))
      },
      async flush() {},
    })
  },
})

let propose: (apps: readonly ProposedApp[]) => void = () => {}
/** Proposes the apps that a test says. */
const proposing = defineAgentPlugin({
  name: 'proposing',
  api: 1,
  summary: 'Proposes apps',
  provides: { appSources },
  setup({ provide }) {
    provide.appSources({
      name: 'proposing',
      watch(given) {
        propose = given
      },
    })
  },
})

const folder = mkdtempSync(join(tmpdir(), 'mezite-matrix-'))
const file = join(folder, 'secret')
/** What the proxy of the app `behind` and the sender of a webhook prove themselves with. */
const SECRET = 'a-secret-that-has-forty-characters-or-so'
writeFileSync(file, SECRET, { mode: 0o600 })
const proxies = { edge: { kind: 'haproxy', secret: { file }, networks: ['127.0.0.0/8'] } }

const tcp = await startTcpHub({
  agentPlugins: [proposing],
  plugins: [
    ...[acme, world, byContext, byRequest, tokens, verifying],
    { plugin: verdicts, config: { proxies } },
  ],
  config: {
    proxy: { apps_oidc_connector: 'sso' },
    database: { driver: 'embedded' },
    plugins: {
      'authorization-server': { enabled: true },
      'public-paths': { secrets: { sender: { file } } },
    },
  },
})
const { hub } = tcp
const web = createServer((request, response) => {
  if (/^(?:\/public)?\/events$/.test(request.url ?? ''))
    return void response.writeHead(200).write('data: 1\n\n')
  response.end('hello')
})
web.on('upgrade', (_request, socket) => {
  socket.on('error', () => {})
  socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
})
await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
t.teardown(async () => {
  web.closeAllConnections()
  web.close()
  await tcp.stop()
  rmSync(folder, { recursive: true })
})
const document = (kind: string, name: string, metadata: object, spec: object) => ({
  kind,
  version: 'v1',
  metadata: { name, ...metadata },
  spec,
})
const labels = { team: 'platform' }
const uri = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
const rules = [
  {
    ...{ name: 'hook', methods: ['POST'], paths: ['/hook'] },
    verify: { hmac: { preset: 'github', secret: 'sender' } },
  },
  { name: 'near', methods: ['GET'], paths: ['/public/**'], verify: { networks: ['127.0.0.0/8'] } },
]
const openPaths = { 'public-paths': { rules } }
await hub.api(
  'PUT',
  '/apps/web',
  document('app', 'web', { labels }, { uri, agents: ['node-1'], plugins: openPaths }),
)
await hub.api('PUT', '/apps/behind', document('app', 'behind', { labels }, { uri: 'none' }))
const webId = () => apps.byName('web')?.id ?? ''
target = `tcp://127.0.0.1:${await tcp.publish('echo', (socket) => void socket.pipe(socket))}`
const net = { uri: 'tcp://127.0.0.1:1', protocol: 'acme-net', agents: ['node-1'] }
await hub.api('PUT', '/apps/net', document('app', 'net', { labels }, net))
const { allow } = ROLES.platform
for (const [name, options] of [
  ['short', { max_session_ttl: '1s' }],
  ['idler', { idle_timeout: '1s' }],
] as const)
  await hub.api('PUT', `/roles/${name}`, document('role', name, {}, { options, allow }))
await hub.api('PUT', '/roles/denier', document('role', 'denier', {}, { deny: { app_labels: labels } }))
const { token: apiToken } = await hub.api<{ token: string }>('POST', '/api-tokens', {
  name: 'ci',
  roles: ['admin'],
})

const url = hub.appUrl('web')
const { host, hostname } = new URL(url)
const { host: behindHost } = new URL(hub.appUrl('behind'))
const tls = (ALPNProtocols: string[], servername = hostname) => {
  const options = {
    host: '127.0.0.1',
    port: hub.ports.public,
    servername,
    ca: hub.ca,
    ALPNProtocols,
  }
  const socket = connectTls(options)
  socket.on('error', () => {})
  return socket
}

/** `200`, or the status and the code of a refusal. */
function outcomeOf(status: number, body: string): string {
  const code = /"code":"(\w+)"/.exec(body)?.[1]
  return code === undefined ? String(status) : `${status} ${code}`
}

async function http1(lines: readonly string[], body = '', start = 'GET /', at = url): Promise<string> {
  const { host, hostname } = new URL(at)
  const socket = tls(['http/1.1'], hostname)
  const head = [`${start} HTTP/1.1`, `Host: ${host}`, ...lines].map((line) => `${line}\r\n`).join('')
  socket.write(`${head}\r\n${body}`)
  let text = ''
  for await (const chunk of socket) text += chunk
  return outcomeOf(Number(text.slice(9, 12)), text)
}

async function http2(headers: object): Promise<string> {
  const session = connectHttp2(url, { createConnection: () => tls(['h2']) })
  session.on('error', () => {})
  const stream = session.request({ ':path': '/', ...headers })
  const [head] = await once(stream, 'response')
  let text = ''
  for await (const chunk of stream) text += chunk
  session.destroy()
  return outcomeOf(Number(head[':status']), text)
}

async function msh(who: Login, app: string, protocol: string): Promise<string> {
  const session = tcp.msh(who)
  const { status, reason, stream } = await open(session, app, { 'mezite-protocol': protocol })
  if (status !== 200 || protocol === 'tcp') {
    session.destroy()
    return reason === undefined ? String(status) : `${status} ${reason}`
  }
  stream.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of stream) text += chunk
  session.destroy()
  return outcomeOf(Number(text.slice(9, 12)), text)
}

async function thirdParty(who: Login, app: keyof typeof ALPN): Promise<string> {
  const socket = tcp.tls(who, { ALPNProtocols: [ALPN[app]] })
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return chunk.toString()
}

const BROWSERS = ['HTTP/1.1', 'HTTP/2', 'WebSocket', 'SSE'] as const
const WAYS = [
  ...BROWSERS,
  ...(['msh HTTP', 'msh TCP', 'third party', 'target', 'token', 'access token', 'git password'] as const),
  ...(['agent', 'device', 'device password', 'verdict'] as const),
] as const
/** These cannot be led to a sign-in. */
const PROGRAMS = /msh|party|target|token|password|agent|device/
const OTHERS = ['bearer', 'API token', 'admin socket'] as const
const CLOSE = ['Connection: close', 'Accept: application/json']
/** What a verifier accepts. */
const SIGNED = 'X-Signed: yes'
const HOOK = '{"action":"opened"}'
/** A webhook whose signature the rule of the document accepts. */
const webhook = (body = HOOK) => {
  const mac = createHmac('sha256', SECRET).update(HOOK).digest('hex')
  const lines = [`X-Hub-Signature-256: sha256=${mac}`, `Content-Length: ${body.length}`]
  return http1([...lines, ...CLOSE], body, 'POST /hook')
}
/** What the proxy of the app `behind` is told about a request of a client that sends these lines. */
const verdict = (...lines: string[]) => {
  const described = [
    ...[`Mezite-Proxy-Secret: ${SECRET}`, 'Mezite-Original-Method: GET', 'Mezite-Original-Uri: /'],
    ...[`Mezite-Original-Host: ${behindHost}`, 'Mezite-Original-Address: 127.0.0.1'],
  ]
  return http1([...described, ...lines, ...CLOSE], '', 'GET /v1/verdict', hub.url)
}
const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

/** The secret of a device of the person for the app, as the plugin stores one. */
async function openDevice(user: string): Promise<string> {
  const expires = Date.now() + 3_600_000
  const { session, token } = await opened.open({
    ...{ kind: 'device', user, connector: 'sso', clientIp: '127.0.0.1', apps: [webId()], expires },
  })
  await changes.write(async (trx, change) => {
    const times = { confirmed: Date.now(), created: Date.now(), expires }
    const row = { id: session.id, user_name: user, user_key: session.id, app: webId(), name: 'Phone' }
    await anyTables(trx)
      .insertInto('devices')
      .values({ ...row, ...times, paths: '[]', language: 'en', seen: '{"networks":[],"agents":[]}' })
      .execute()
    change.touch('device', session.id)
  })
  return `mezite_dev_${token}`
}

/** The token of an agent of the person, which has the role that most people here have. */
async function openAgent(name: string, user: string): Promise<string> {
  const bot = `bot:of-${name}`
  const person = { user, holder: people.byName(user)?.holder ?? '' }
  agents.set(bot, { roles: ['platform'], holder: name, api: true, actsFor: person })
  const expires = Date.now() + 3_600_000
  const { token } = await opened.open({
    ...{ kind: 'token', user: bot, clientIp: '127.0.0.1', apps: [webId()], expires },
  })
  return `acme_${token}`
}

/** Somebody with a role, or with a grant of it, and a session of each kind, and what they reach on each way. */
async function person(name: string, granted = false) {
  const user = `${name}@example.com`
  await hub.api('POST', '/users', { name: user, roles: granted ? [] : ['platform'] })
  const login = await tcp.login(name, [])
  if (granted)
    await given.start(
      { user, role: 'platform', until: Date.now() + 3_600_000 },
      { subject: operator, clientIp: '', id: 'test' },
    )
  const visitor = hub.visitor()
  const { status } = await visitor.open(`${url}/`)
  if (status !== 200) throw new Error(`${name} cannot sign in: ${status}`)
  const cookie = visitor.cookies(host) ?? ''
  // Through the hub itself, which then says that another proxy serves the app.
  const past = await visitor.open(`${hub.appUrl('behind')}/`)
  if (past.status !== 502) throw new Error(`${name} is not signed in at the app of a proxy: ${past.status}`)
  const behindCookie = visitor.cookies(behindHost) ?? ''
  const { token } = login
  const session = await opened.open({
    kind: 'token',
    user,
    connector: 'sso',
    clientIp: '127.0.0.1',
    apps: [webId()],
    expires: Date.now() + 3_600_000,
  })
  const mezite = { 'mezite-token': `acme_${session.token}` }
  const device = await openDevice(user)
  const agent = await openAgent(name, user)
  const ended = {
    ...{ 'open SSE': false, 'open TCP': false, 'open token': false, 'open device': false },
    ...{ 'open agent': false, 'open verified': false, 'open public path': false },
  }
  const watch = async (
    stream: keyof typeof ended,
    by: Visitor,
    headers: Record<string, string> = {},
    path = '/events',
  ) => {
    const events = await by.stream(url + path, { headers })
    events
      .on('error', () => {})
      .once('close', () => {
        ended[stream] = true
      })
    events.resume()
  }
  await watch('open token', hub.visitor(), mezite)
  await watch('open agent', hub.visitor(), { 'mezite-token': agent })
  await watch('open device', hub.visitor(), { 'mezite-device': device })
  await watch('open SSE', visitor)
  await watch('open verified', hub.visitor(), { 'X-Signed': 'yes' })
  await watch('open public path', hub.visitor(), {}, '/public/events')
  const { stream } = await open(tcp.msh(login), 'echo')
  stream.resume()
  void closed(stream).then(() => {
    ended['open TCP'] = true
  })
  const reach: Readonly<Record<(typeof WAYS)[number] | (typeof OTHERS)[number], () => Promise<string>>> = {
    'HTTP/1.1': () => http1([`Cookie: ${cookie}`, ...CLOSE]),
    'HTTP/2': () => http2({ cookie }),
    WebSocket: () => http1([`Cookie: ${cookie}`, ...UPGRADE]),
    SSE: () => http1([`Cookie: ${cookie}`, 'Connection: close', 'Accept: text/event-stream']),
    'msh HTTP': () => msh(login, 'web', 'http'),
    'msh TCP': () => msh(login, 'echo', 'tcp'),
    'third party': () => thirdParty(login, 'echo'),
    target: () => thirdParty(login, 'net'),
    token: () => http1([`Authorization: Bearer acme_${session.token}`, ...CLOSE]),
    'access token': () => http1([`Authorization: Bearer mezite_at_${session.token}`, ...CLOSE]),
    'git password': () => {
      const basic = Buffer.from(`git:mezite_at_${session.token}`).toString('base64')
      return http1([`Authorization: Basic ${basic}`, ...CLOSE])
    },
    agent: () => http1([`Mezite-Token: ${agent}`, ...CLOSE]),
    device: () => http1([`Mezite-Device: ${device}`, ...CLOSE]),
    'device password': () => {
      const basic = Buffer.from(`device:${device}`).toString('base64')
      return http1([`Authorization: Basic ${basic}`, ...CLOSE])
    },
    verdict: () => verdict(`Cookie: ${behindCookie}`),
    bearer: () => http1([`Authorization: Bearer ${token}`, ...CLOSE]),
    'API token': () => http1([`Authorization: Bearer ${apiToken}`, ...CLOSE]),
    'admin socket': () => hub.api('GET', '/locks').then(() => '200'),
  }
  /** Names of the apps that the person's pages and then msh list, and the launcher. */
  const lists = async () => {
    const apps = `${hub.url}/v1/webapi/me/apps`
    const headers = { authorization: `Bearer ${token}` }
    const answers = [await visitor.open(apps), await hub.visitor().fetch(apps, { headers })]
    const named = answers.map(({ text }) => (JSON.parse(text) as { name: string }[]).map(({ name }) => name))
    return { named, home: (await visitor.open(`${hub.url}/`)).text }
  }
  return { user, visitor, ended, reach, lists }
}
/** Waits for the effect of demands that do not concern a person. */
const observer = await person('observer')
/** Reason codes by user, for the ways on which the gate knows the person. */
const refusals: {
  readonly name: string
  readonly user: string
  readonly reasons: readonly string[]
  readonly granted: boolean
}[] = []

const lock = (target: object) => async () => {
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target })
  return () => hub.api('DELETE', `/locks/${id}`)
}
const roles =
  (...names: string[]) =>
  async (user: string) => {
    await hub.api('PATCH', `/users/${user}`, { roles: names })
  }
const APPS = ['web', 'echo', 'net', 'behind']
const every = (verb: string) => Promise.all(APPS.map((app) => hub.api('POST', `/apps/${app}/${verb}`)))

interface Demand {
  /** What a browser gets, and what anybody else gets. */
  readonly browser: string
  readonly other: string
  /** What a request that a verifier accepts gets; default: `200`, since it is not the person's. */
  readonly verified?: string
  /** Open streams go on. */
  readonly keeps?: true
  /** The person has the role by a grant. */
  readonly granted?: true
  /** The security case, if it is not E71. */
  readonly threat?: string
  /** What an agent of the person gets; default: what others get. */
  readonly agent?: '200'
  /** Its browser has no session that is alive or could be checked, so that nobody knows whose request it is. */
  readonly nameless?: true
  /** Makes the demand; returns what ends it. */
  readonly make: (user: string, reach: () => Promise<string>) => Promise<unknown>
}

const DEMANDS: Readonly<Record<string, Demand>> = {
  connector: {
    browser: '401 connector_not_allowed',
    other: '403 connector_not_allowed',
    // The person last signed in through the right one; those sessions are not the agent's.
    agent: '200',
    // As if another connector had signed the person in.
    make: (user) =>
      changes.write(async (trx, change) => {
        const rows = await anyTables(trx)
          .selectFrom('sessions')
          .select('id')
          .where('user_name', '=', user)
          .execute()
        for (const { id } of rows as { id: string }[]) {
          const satisfied = JSON.stringify([{ name: 'x', level: 'x', appId: null, at: 1 }])
          await anyTables(trx)
            .updateTable('sessions')
            .set({ connector: 'passkey', satisfied })
            .where('id', '=', id)
            .execute()
          change.touch('session', id)
        }
      }),
  },
  MFA: {
    browser: '401 session_mfa_required',
    other: '403 session_mfa_required',
    make: roles('platform', 'careful'),
  },
  'device trust': {
    browser: '401 device_trust_required',
    other: '403 device_trust_required',
    make: roles('platform', 'devices'),
  },
  'lock of the user': { browser: '403 locked', other: '403 locked', make: (user) => lock({ user })() },
  'lock of a role': { browser: '403 locked', other: '403 locked', make: lock({ role: 'platform' }) },
  'lock of the app': {
    browser: '403 locked',
    other: '403 locked',
    verified: '403 locked',
    make: async () => {
      const ends = await Promise.all(APPS.map((app) => lock({ app })()))
      return () => Promise.all(ends.map((end) => end()))
    },
  },
  'session lifetime': {
    browser: '401 login_required',
    other: '401 session_ended',
    nameless: true,
    make: roles('platform', 'short'),
  },
  'idle time': {
    browser: '401 login_required',
    other: '401 session_ended',
    nameless: true,
    make: roles('platform', 'idler'),
  },
  'role removed': { browser: '403 role_missing', other: '403 role_missing', make: roles() },
  'end of a grant': {
    browser: '403 role_missing',
    other: '403 role_missing',
    granted: true,
    // It follows another one, which was ended before.
    make: async (user) => {
      const [first] = given.list(user)
      await given.start(
        { user, role: 'platform', until: Date.now() + 1_000 },
        { subject: operator, clientIp: '', id: 'test' },
      )
      await given.end([first?.id ?? ''], 'revoked', null)
    },
  },
  'grant taken away': {
    browser: '403 role_missing',
    other: '403 role_missing',
    granted: true,
    make: (user) => {
      const ids = given.list(user).map(({ id }) => id)
      return given.end(ids, 'revoked', null)
    },
  },
  'lock of a user with a grant': {
    browser: '403 locked',
    other: '403 locked',
    granted: true,
    threat: 'T216',
    make: (user) => lock({ user })(),
  },
  'lock of a granted role': {
    browser: '403 locked',
    other: '403 locked',
    granted: true,
    threat: 'T216',
    make: lock({ role: 'platform' }),
  },
  'deny rule against a grant': {
    browser: '403 label_denied',
    other: '403 label_denied',
    granted: true,
    threat: 'T216',
    make: roles('denier'),
  },
  'app disabled': {
    browser: '503 app_disabled',
    other: '503 app_disabled',
    verified: '503 app_disabled',
    make: async () => {
      await every('disable')
      return () => every('enable')
    },
  },
  'audit full': {
    browser: '503 audit_unavailable',
    other: '503 audit_unavailable',
    verified: '503 audit_unavailable',
    keeps: true,
    make: async (_user, reach) => {
      full = true
      while ((await reach()) === '200');
      return async () => {
        full = false
        while ((await reach()) !== '200') await new Promise((next) => setTimeout(next, 50))
      }
    },
  },
  'view stale': {
    browser: '503 view_stale',
    other: '503 view_stale',
    verified: '503 view_stale',
    keeps: true,
    nameless: true,
    // A change that does not end keeps the embedded database from everybody else.
    make: async (_user, reach) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const change = changes.write(() => promise).catch(() => {})
      while ((await reach()) === '200') await new Promise((next) => setTimeout(next, 50))
      return () => {
        resolve()
        return change
      }
    },
  },
}

t.test('a person with access enters on every way to apps, and API credentials open none', async (t) => {
  const { reach } = await person('nobody')
  for (const way of WAYS) t.equal(await reach[way](), way === 'WebSocket' ? '400' : '200', way)
  for (const way of OTHERS)
    t.equal(await reach[way](), way === 'admin socket' ? '200' : '401 login_required', way)
})

for (const [name, demand] of Object.entries(DEMANDS))
  t.test(`${demand.threat ?? 'E71'} ${name}`, async (t) => {
    const { browser, other, verified = '200', keeps, nameless, granted, agent = other, make } = demand
    const { user, ended, reach } = await person(name.replaceAll(' ', '-').toLowerCase(), granted)
    const end = await make(user, observer.reach['HTTP/1.1'])
    const stays = (stream: string) =>
      stream === 'open agent' ? agent === '200' : /verified|public/.test(stream) && verified === '200'
    const ends = (stream: string) => !keeps && !stays(stream)
    const settled = () => Object.entries(ended).every(([stream, over]) => over || !ends(stream))
    await until(settled, 'open streams end')
    // All at once: some demands do not last.
    const [signed, sent, ...found] = await Promise.all([
      ...[http1([SIGNED, ...CLOSE]), webhook()],
      ...[...WAYS, ...OTHERS].map((way) => reach[way]()),
    ])
    t.equal(signed, verified, `${name} × verified: ${signed}`)
    t.equal(sent, verified, `${name} × public path: ${sent}`)
    for (const [at, way] of WAYS.entries()) {
      // A secret whose session has ended is one that nobody knows.
      const ofDevice =
        other === '401 session_ended' && way.startsWith('device') ? '401 device_unknown' : other
      const wanted = way === 'agent' ? agent : PROGRAMS.test(way) ? ofDevice : browser
      t.equal(found[at], wanted, `${name} × ${way}: ${found[at]}`)
    }
    for (const [at, way] of OTHERS.entries()) {
      const expected = way === 'admin socket' ? '200' : '401 login_required'
      t.equal(found[WAYS.length + at], expected, `${name} × ${way}: ${found[WAYS.length + at]}`)
    }
    for (const [stream, over] of Object.entries(ended))
      t.equal(over, ends(stream), `${name} × ${stream}: ${over ? 'ended' : 'goes on'}`)
    if (typeof end === 'function') await end()
    const known = WAYS.filter((way) => way !== 'agent' && (!nameless || /msh|party|target/.test(way)))
    const reasons = known.map((way) => (PROGRAMS.test(way) ? other : browser).slice(4))
    refusals.push({ name, user, reasons, granted: granted === true })
  })

t.test(
  'E71 a policy that reads the request decides on every way, and again about each open stream',
  async (t) => {
    const { user, visitor, ended, reach } = await person('by-request')
    await roles('platform', 'events-only')(user)
    const again = hub.visitor()
    t.match(await again.open(`${url}/`), { status: 403, text: /path_not_allowed/ }, 'a launch to /')
    t.equal((await again.open(`${url}/events/none`)).status, 200, 'a launch asks with the wanted path')
    await until(() => ended['open TCP'], 'the stream without a request ends')
    for (const way of WAYS) t.equal(await reach[way](), '403 path_not_allowed', way)
    t.strictSame(
      [ended['open SSE'], ended['open token'], ended['open agent'], ended['open device']],
      [false, false, false, false],
      'requests for /events go on',
    )
    await roles('platform', 'no-events')(user)
    await until(
      () => ended['open SSE'] && ended['open token'] && ended['open agent'] && ended['open device'],
      'requests for /events end',
    )
    for (const way of WAYS) t.equal(await reach[way](), way === 'WebSocket' ? '400' : '200', way)
    for (const path of ['/events', '/%65vents', '/events/x?y'])
      t.match(await visitor.open(url + path), { status: 403, text: /path_not_allowed/ }, path)
    t.match(await visitor.open(`${url}/%25252e`), { status: 400, text: /path_ambiguous/ }, 'its own status')
    t.notOk(ended['open verified'] || ended['open public path'], 'a request of nobody has no policy')
  },
)

t.test('U228 a verifier admits requests without a credential to its app, and to nothing else', async (t) => {
  const { ended } = await person('beside')
  const body = (text: string) =>
    http1([SIGNED, ...CLOSE, `Content-Length: ${text.length}`], text, 'POST /body')
  t.equal(await http1([SIGNED, ...CLOSE]), '200')
  t.equal(await http1([SIGNED, 'Connection: close', 'Accept: text/event-stream']), '200')
  t.equal(await http2({ 'X-Signed': 'yes' }), '401 login_required', 'HTTP/2 has lower-case names')
  t.equal(await body('signed'), '200')
  for (const text of ['forged', 'signed.', ''])
    t.equal(await body(text), '401 verification_failed', `the body ${JSON.stringify(text)}`)
  t.equal(await webhook('{"action":"forged"}'), '401 verification_failed', 'a webhook with another body')
  t.equal(await verdict(), '401 login_required', 'an app of a proxy, without a credential')
  t.equal(await verdict(SIGNED), '401 login_required', 'and with what a verifier accepts elsewhere')
  t.equal(await http1([SIGNED, ...UPGRADE]), '401 login_required', 'a WebSocket')
  const socket = 'X-Signed-Socket: yes'
  // The app does not speak it.
  t.equal(await http1([socket, ...UPGRADE]), '400', 'a WebSocket of a rule for them')
  t.equal(await http1([socket, 'X-Body: yes', ...UPGRADE]), '401 login_required', 'which has no body')
  t.equal(await http1([socket, ...CLOSE]), '401 login_required', 'nothing else')
  t.equal(
    await http1([socket, 'Origin: https://evil.example.com', ...UPGRADE]),
    '403 origin_not_allowed',
    'of another site',
  )
  t.equal(
    await http1([SIGNED, 'Origin: https://evil.example.com', ...CLOSE], '', 'DELETE /'),
    '403 origin_not_allowed',
  )
  const unknown = 'x'.repeat(43)
  for (const rule of ['by-head', 'by-body', null]) t.ok(verifiedBy.has(rule), `taps see ${rule}`)
  // A browser sends the cookie of a session that has ended.
  const cookie = `Cookie: __Host-mezite_app=${unknown}`
  t.equal(await http1([SIGNED, cookie, ...CLOSE]), '200', 'an ended cookie')
  t.equal(await http1([socket, cookie, ...UPGRADE]), '400', 'with a WebSocket')
  const withCookie = (text: string) =>
    http1([SIGNED, cookie, ...CLOSE, `Content-Length: ${text.length}`], text, 'POST /body')
  t.equal(await withCookie('signed'), '200')
  t.equal(await withCookie('forged'), '401 verification_failed')
  t.equal(await http1([cookie, ...CLOSE]), '401 login_required', 'an ended cookie alone')
  const bearer = `Authorization: Bearer acme_${unknown}`
  t.equal(await http1([SIGNED, bearer, ...CLOSE]), '401 session_ended', 'a token')
  const signed = { headers: { 'X-Signed': 'yes', accept: 'application/json' } }
  for (const address of [`${hub.url}/v1/webapi/me`, `${hub.url}/v1/webapi/apps`, `${hub.appUrl('none')}/`])
    t.equal((await hub.visitor().fetch(address, signed)).status, 401, address)
  const [app, echo] = ['web', 'echo'].map((one) => apps.byName(one)) as [App, App]
  const who = gate.verify({
    app,
    method: 'GET',
    target: '/',
    clientIp: '127.0.0.1',
    headers: ['X-Signed', ''],
    preflightFrom: null,
  })
  if (who === null || !('kind' in who)) throw new Error('nothing admits it')
  const asked = async (more: object) => {
    const about = { who, app, protocol: 'http', clientIp: '127.0.0.1', requestId: 'x', ...more } as const
    const outcome = await gate.admit(about)
    if (outcome.outcome !== 'admitted') return `${outcome.status} ${outcome.code}`
    outcome.close()
    return '200'
  }
  t.equal(await asked({}), '200')
  t.equal(await asked({ app: echo, protocol: 'tcp' }), '401 login_required', 'another app')
  t.equal(await asked({ protocol: 'tcp' }), '400 protocol_mismatch')
  t.equal(await asked({ who: { ...who } }), '401 login_required', 'a copy')
  t.equal(ended['open verified'], false)
})

t.test('U229 a proposed app cannot be reached on any way before it is accepted', async (t) => {
  const { visitor, lists } = await person('proposer')
  const login = await tcp.login('proposer', [])
  const spec = { agents: ['node-1'], names: ['new-*'], labels: { team: ['platform'] } }
  await hub.api('PUT', '/app-sources/new', document('app_source', 'new', {}, spec))
  const listed = () => hub.api<{ id: string; name: string }[]>('GET', '/app-proposals')
  propose([{ name: 'new-web', uri, labels }])
  await until(async () => (await listed()).length === 1, 'the app is proposed')
  const address = hub.appUrl('new-web')
  const asked = async (by: Visitor, headers: Record<string, string>, at: string) => {
    const all = { accept: 'application/json', ...headers }
    const { status, text } = await by.fetch(`${at}/`, { headers: all })
    return outcomeOf(status, text)
  }
  const none = hub.appUrl('no-such')
  const bearer = { 'mezite-token': `acme_${'x'.repeat(43)}` }
  for (const [by, headers] of [
    [visitor, {}],
    [hub.visitor(), {}],
    [hub.visitor(), { 'x-signed': 'yes' }],
    [hub.visitor(), bearer],
  ] as const)
    t.equal(
      await asked(by, headers, address),
      await asked(by, headers, none),
      'as for an app that nobody knows',
    )
  t.equal((await visitor.open(`${address}/`)).status, 404)
  for (const protocol of ['http', 'tcp'])
    t.equal(await msh(login, 'new-web', protocol), await msh(login, 'no-such', protocol), `msh ${protocol}`)
  t.equal(apps.byName('new-web') ?? apps.byHost(new URL(address).hostname), undefined)
  const before = await lists()
  t.notMatch(JSON.stringify(before), 'new-web', 'no list has it')
  const { id } = (await listed())[0]!
  await hub.api('POST', `/app-proposals/${id}/accept`)
  t.equal((await visitor.open(`${address}/`)).status, 200)
  t.match((await lists()).home, address)
  await hub.api('DELETE', '/apps/new-web')
  await hub.api('DELETE', '/app-sources/new')
})

t.test('E76 lists of apps agree with the gate about address, protocol and connector', async (t) => {
  for (const [name, more] of [
    ['near', { from: '127.0.0.1', over: 'http' }],
    ['far', { from: '192.0.2.1' }],
  ] as const)
    await hub.api(
      'PUT',
      `/apps/${name}`,
      document('app', name, { labels: { ...labels, ...more } }, { uri, agents: ['node-1'] }),
    )
  const { user, visitor, reach, lists } = await person('lister')
  const opened = async (name: string) => (await visitor.open(`${hub.appUrl(name)}/`)).status
  t.strictSame([await opened('near'), await opened('far')], [200, 403])
  const { named, home } = await lists()
  t.strictSame(named, Array(2).fill(['behind', 'echo', 'near', 'net', 'web']))
  t.match(home, hub.appUrl('near'))
  t.notMatch(home, hub.appUrl('far'))
  await DEMANDS.connector?.make(user, reach['HTTP/1.1'])
  t.strictSame(
    [await reach['HTTP/1.1'](), await reach['msh TCP']()],
    ['401 connector_not_allowed', '403 connector_not_allowed'],
  )
  const after = await lists()
  t.strictSame(after.named, [[], []])
  t.notMatch(after.home, hub.appUrl('near'))
})

t.test('records of requests that a verifier admits name the rule and no user', async (t) => {
  await hub.stop()
  const found = trail.filter(({ verified }) => verified !== undefined)
  const nobody = { user: null, roles: null, session_id: null }
  for (const event of found) t.match(event, nobody)
  const names = new Set(
    found.map(({ type, verified, reason, app }) => `${type} ${verified} ${reason} ${app}`),
  )
  for (const one of [
    'app.request by-head null web',
    'app.request hook null web',
    'app.request near revoked web',
    'request.failed hook locked web',
    'request.failed hook app_disabled web',
    'app.request by-body null web',
    'app.request by-head revoked web',
    'request.failed by-head locked web',
    'request.failed by-head app_disabled web',
    'request.failed by-head origin_not_allowed web',
  ])
    t.ok(names.has(one), `${one}: ${[...names].join(', ')}`)
})

t.test('each refusal of an agent is one record, with the agent and its person', async (t) => {
  for (const { name, user, reasons } of refusals) {
    const bot = `bot:of-${name.replaceAll(' ', '-').toLowerCase()}`
    const found = trail.filter(
      (event) => event.user === bot && !event.success && event.type !== 'app.request',
    )
    // Without a subject, nobody is known for whom it acts; and a connector of a session is not the agent's.
    const wanted = /^(?:session|idle|view)/.test(name) || name === 'connector' ? [] : [reasons[0]]
    const named = found.filter(({ reason }) => !/^(?:session_ended|view_stale)$/.test(String(reason)))
    t.strictSame(
      named.map(({ reason, acts_for }) => [reason, acts_for]),
      wanted.map((reason) => [reason, user]),
      name,
    )
  }
  const requests = trail.filter(({ type, user }) => type === 'app.request' && user === 'bot:of-nobody')
  t.ok(requests.length > 0)
  for (const one of requests) t.equal(one.acts_for, 'nobody@example.com')
})

t.test('each refusal of a known person is one record, with session and roles', async (t) => {
  for (const { name, user, reasons, granted } of refusals) {
    // A session that is over has no user any more, but keeps its id.
    const sessions = new Set(trail.filter((event) => event.user === user).map((event) => event.session_id))
    const found = trail.filter(
      // What was open when access ended has its own record.
      (event) =>
        (event.user === user || (event.session_id !== null && sessions.has(event.session_id))) &&
        !event.success &&
        event.type !== 'app.request',
    )
    t.strictSame(found.map(({ reason }) => reason).sort(), [...reasons].sort(), name)
    for (const { session_id, protocol, reason, roles, grant_id } of found) {
      // A grant that is over explains nothing.
      t.equal(
        grant_id !== undefined,
        granted && reason !== 'role_missing',
        `${name}: ${reason} names the grant`,
      )
      t.match(session_id, /^[0-9a-f-]{36}$/, `${name}: ${reason} names the session`)
      t.match(protocol, /^(?:http|tcp|acme-net|verdict)$/, name)
      if (!/^(?:session_ended|view_stale)$/.test(String(reason)))
        t.ok(Array.isArray(roles), `${name}: ${reason}`)
    }
  }
})
