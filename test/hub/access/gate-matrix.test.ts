/** Every way to an app by every demand of access, on one running hub: a line for each cell. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import {
  type AuditEvent,
  auditSinks,
  type Catalog,
  catalog,
  credentials,
  defineHubPlugin,
  type Revisions,
  revisions,
  type Sessions,
  sessions,
} from '@mezite/core'
import { access, protocols, tunnel } from '@mezite/core/protocol'
import t from 'tap'
import { anyTables } from '../../any-tables.ts'
import { closed, type Login, open, ROLES, startTcpHub } from '../../plugins/tcp-apps/start-tcp-hub.ts'
import { until } from '../../until.ts'

const ALPN = 'acme-echo/1'
/** A protocol of a third party: reaches the app `echo` for the certificate of a user, and says why not. */
const acme = defineHubPlugin({
  name: 'acme-echo',
  api: 1,
  summary: 'Echoes over a protocol of its own',
  needs: { access, catalog, tunnel },
  provides: { protocols },
  setup({ use, provide }) {
    provide.protocols({
      ...{ name: 'acme-echo', takes: 'alpn', alpn: ALPN, clientAuthority: 'user-ca' },
      async accept(socket, { clientIp }) {
        socket.on('error', () => socket.destroy())
        const app = use.catalog.byName('echo')
        const query = {
          who: use.access.callers.ofCertificate(socket),
          app,
          protocol: 'tcp',
          clientIp,
          requestId: 'acme',
        } as const
        const outcome = await use.access.admit(query)
        if (outcome.outcome !== 'admitted') return void socket.end(`${outcome.status} ${outcome.code}`)
        const pipe = await use.tunnel.open(outcome)
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

let changes: Revisions
let opened: Sessions
let apps: Catalog
/** Bearer tokens of a third party. */
const tokens = defineHubPlugin({
  name: 'tokens',
  api: 1,
  summary: 'Lets programs in by a token',
  needs: { catalog, sessions },
  provides: { credentials },
  setup({ use, provide }) {
    opened = use.sessions
    apps = use.catalog
    provide.credentials({
      name: 'token',
      from: 'header',
      at: 'app',
      headers: ['authorization', 'mezite-token'],
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
  needs: { revisions },
  provides: { auditSinks },
  setup({ use, provide }) {
    changes = use.revisions
    provide.auditSinks({
      ...{ name: 'world', guarantee: 'enforced' },
      async write(lines: string) {
        if (full) throw new Error('full')
        for (const line of lines.trimEnd().split('\n')) trail.push(JSON.parse(line))
      },
      async flush() {},
    })
  },
})

const tcp = await startTcpHub({
  plugins: [acme, world, byContext, tokens],
  config: { proxy: { apps_oidc_connector: 'sso' }, database: { driver: 'embedded' } },
})
const { hub } = tcp
const web = createServer((request, response) => {
  if (request.url === '/events') return void response.writeHead(200).write('data: 1\n\n')
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
})
const document = (kind: string, name: string, metadata: object, spec: object) => ({
  ...{ kind, version: 'v1', metadata: { name, ...metadata }, spec },
})
const labels = { team: 'platform' }
const uri = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
await hub.api('PUT', '/apps/web', document('app', 'web', { labels }, { uri, agents: ['node-1'] }))
const webId = () => apps.byName('web')?.id ?? ''
await tcp.publish('echo', (socket) => void socket.pipe(socket))
const { allow } = ROLES.platform
for (const [name, options] of [
  ['short', { max_session_ttl: '1s' }],
  ['idler', { idle_timeout: '1s' }],
] as const)
  await hub.api('PUT', `/roles/${name}`, document('role', name, {}, { options, allow }))
const { token: apiToken } = await hub.api<{ token: string }>('POST', '/api-tokens', {
  name: 'ci',
  roles: ['admin'],
})

const url = hub.appUrl('web')
const { host, hostname } = new URL(url)
const tls = (ALPNProtocols: string[]) => {
  const options = {
    host: '127.0.0.1',
    port: hub.ports.public,
    servername: hostname,
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

async function http1(lines: readonly string[]): Promise<string> {
  const socket = tls(['http/1.1'])
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  return outcomeOf(Number(text.slice(9, 12)), text)
}

async function http2(cookie: string): Promise<string> {
  const session = connectHttp2(url, { createConnection: () => tls(['h2']) })
  session.on('error', () => {})
  const stream = session.request({ ':path': '/', cookie })
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

async function thirdParty(who: Login): Promise<string> {
  const socket = tcp.tls(who, { ALPNProtocols: [ALPN] })
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return chunk.toString()
}

const BROWSERS = ['HTTP/1.1', 'HTTP/2', 'WebSocket', 'SSE'] as const
const WAYS = [...BROWSERS, 'msh HTTP', 'msh TCP', 'third party', 'token'] as const
/** These cannot be led to a sign-in. */
const PROGRAMS = /msh|party|token/
const OTHERS = ['bearer', 'API token', 'admin socket'] as const
const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

/** Somebody with a role and a session of each kind, and what they reach on each way. */
async function person(name: string) {
  const user = `${name}@example.com`
  await hub.api('POST', '/users', { name: user, roles: ['platform'] })
  const login = await tcp.login(name, [])
  const visitor = hub.visitor()
  const { status } = await visitor.open(`${url}/`)
  if (status !== 200) throw new Error(`${name} cannot sign in: ${status}`)
  const cookie = visitor.cookies(host) ?? ''
  const { token } = login
  const session = await opened.open({
    ...{ kind: 'token', user, connector: 'sso', clientIp: '127.0.0.1', apps: [webId()] },
    expires: Date.now() + 3_600_000,
  })
  const mezite = { 'mezite-token': `acme_${session.token}` }
  const ended = { 'open SSE': false, 'open TCP': false, 'open token': false }
  const streamed = await hub.visitor().stream(`${url}/events`, { headers: mezite })
  streamed
    .on('error', () => {})
    .once('close', () => {
      ended['open token'] = true
    })
  streamed.resume()
  const events = await visitor.stream(`${url}/events`)
  events
    .on('error', () => {})
    .once('close', () => {
      ended['open SSE'] = true
    })
  events.resume()
  const { stream } = await open(tcp.msh(login), 'echo')
  stream.resume()
  void closed(stream).then(() => {
    ended['open TCP'] = true
  })
  const close = ['Connection: close', 'Accept: application/json']
  const reach: Readonly<Record<(typeof WAYS)[number] | (typeof OTHERS)[number], () => Promise<string>>> = {
    'HTTP/1.1': () => http1([`Cookie: ${cookie}`, ...close]),
    'HTTP/2': () => http2(cookie),
    WebSocket: () => http1([`Cookie: ${cookie}`, ...UPGRADE]),
    SSE: () => http1([`Cookie: ${cookie}`, 'Connection: close', 'Accept: text/event-stream']),
    'msh HTTP': () => msh(login, 'web', 'http'),
    'msh TCP': () => msh(login, 'echo', 'tcp'),
    'third party': () => thirdParty(login),
    token: () => http1([`Authorization: Bearer acme_${session.token}`, ...close]),
    bearer: () => http1([`Authorization: Bearer ${token}`, ...close]),
    'API token': () => http1([`Authorization: Bearer ${apiToken}`, ...close]),
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
const refusals: { readonly name: string; readonly user: string; readonly reasons: readonly string[] }[] = []

const lock = (target: object) => async () => {
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target })
  return () => hub.api('DELETE', `/locks/${id}`)
}
const roles =
  (...names: string[]) =>
  async (user: string) => {
    await hub.api('PATCH', `/users/${user}`, { roles: names })
  }
const both = (verb: string) =>
  Promise.all(['web', 'echo'].map((app) => hub.api('POST', `/apps/${app}/${verb}`)))

interface Demand {
  /** What a browser gets, and what anybody else gets. */
  readonly browser: string
  readonly other: string
  /** Open streams go on. */
  readonly keeps?: true
  /** Its browser has no session that is alive or could be checked, so that nobody knows whose request it is. */
  readonly nameless?: true
  /** Makes the demand; returns what ends it. */
  readonly make: (user: string, reach: () => Promise<string>) => Promise<unknown>
}

const DEMANDS: Readonly<Record<string, Demand>> = {
  connector: {
    ...{ browser: '401 connector_not_allowed', other: '403 connector_not_allowed' },
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
    ...{ browser: '401 session_mfa_required', other: '403 session_mfa_required' },
    make: roles('platform', 'careful'),
  },
  'device trust': {
    ...{ browser: '401 device_trust_required', other: '403 device_trust_required' },
    make: roles('platform', 'devices'),
  },
  'lock of the user': { browser: '403 locked', other: '403 locked', make: (user) => lock({ user })() },
  'lock of a role': { browser: '403 locked', other: '403 locked', make: lock({ role: 'platform' }) },
  'lock of the app': {
    ...{ browser: '403 locked', other: '403 locked' },
    make: async () => {
      const [one, two] = [await lock({ app: 'web' })(), await lock({ app: 'echo' })()]
      return () => Promise.all([one(), two()])
    },
  },
  'session lifetime': {
    ...{ browser: '401 login_required', other: '401 session_ended', nameless: true },
    make: roles('platform', 'short'),
  },
  'idle time': {
    ...{ browser: '401 login_required', other: '401 session_ended', nameless: true },
    make: roles('platform', 'idler'),
  },
  'role removed': { browser: '403 role_missing', other: '403 role_missing', make: roles() },
  'app disabled': {
    ...{ browser: '503 app_disabled', other: '503 app_disabled' },
    make: async () => {
      await both('disable')
      return () => both('enable')
    },
  },
  'audit full': {
    ...{ browser: '503 audit_unavailable', other: '503 audit_unavailable', keeps: true },
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
    ...{ browser: '503 view_stale', other: '503 view_stale', keeps: true, nameless: true },
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

t.test('who may is let in on every way to apps, and credentials of the API open none', async (t) => {
  const { reach } = await person('nobody')
  for (const way of WAYS) t.equal(await reach[way](), way === 'WebSocket' ? '400' : '200', way)
  for (const way of OTHERS)
    t.equal(await reach[way](), way === 'admin socket' ? '200' : '401 login_required', way)
})

for (const [name, { browser, other, keeps, nameless, make }] of Object.entries(DEMANDS))
  t.test(`E71 ${name}`, async (t) => {
    const { user, ended, reach } = await person(name.replaceAll(' ', '-').toLowerCase())
    const end = await make(user, observer.reach['HTTP/1.1'])
    if (!keeps) await until(() => Object.values(ended).every(Boolean), 'open streams end', 10_000)
    // All at once: some demands do not last.
    const found = await Promise.all([...WAYS, ...OTHERS].map((way) => reach[way]()))
    for (const [at, way] of WAYS.entries())
      t.equal(found[at], PROGRAMS.test(way) ? other : browser, `${name} × ${way}: ${found[at]}`)
    for (const [at, way] of OTHERS.entries()) {
      const expected = way === 'admin socket' ? '200' : '401 login_required'
      t.equal(found[WAYS.length + at], expected, `${name} × ${way}: ${found[WAYS.length + at]}`)
    }
    for (const [stream, over] of Object.entries(ended))
      t.equal(over, !keeps, `${name} × ${stream}: ${over ? 'ended' : 'goes on'}`)
    if (typeof end === 'function') await end()
    const known = WAYS.filter((way) => !nameless || /msh|party/.test(way))
    const reasons = known.map((way) => (PROGRAMS.test(way) ? other : browser).slice(4))
    refusals.push({ name, user, reasons })
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
  t.strictSame(named, Array(2).fill(['echo', 'near', 'web']))
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

t.test('each refusal of a known person is one record, with session and roles', async (t) => {
  await hub.stop()
  for (const { name, user, reasons } of refusals) {
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
    for (const { session_id, protocol, reason, roles } of found) {
      t.match(session_id, /^[0-9a-f-]{36}$/, `${name}: ${reason} names the session`)
      t.match(protocol, /^(?:http|tcp)$/, name)
      if (!/^(?:session_ended|view_stale)$/.test(String(reason)))
        t.ok(Array.isArray(roles), `${name}: ${reason}`)
    }
  }
})
