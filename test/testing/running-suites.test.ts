// long
/** The suites that need a running hub: the standard plugins pass them, and each rule finds the flaw that breaks it. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ClientHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import t from 'tap'
import { createWebSocketStream, WebSocketServer } from 'ws'
import {
  audit,
  catalog,
  type Database,
  defineHubPlugin,
  defineResource,
  migrations,
  Problem,
  parseResource,
  type Resource,
  revisions,
  signInDesk,
  signInMethods,
  Type,
  users,
  type WebRoutes,
  webRoutes,
} from '../../core/index.ts'
import { access, PipeDuplex, protocols, tunnel } from '../../core/protocol.ts'
import {
  type ConformTest,
  conformDashboardParts,
  conformProtocol,
  conformResource,
  conformRoutes,
  conformSignIn,
  openProtocolBench,
  type ProtocolVisit,
  programLogin,
  type SignInVisit,
} from '../../core/testing/index.ts'
import { readCookie } from '../../core/wire/cookie.ts'
import { lookupLocalhost } from '../../core/wire/localhost-lookup.ts'
import apiTokens from '../../plugins/api-tokens/hub.ts'
import oidc from '../../plugins/oidc/hub.ts'
import rbac from '../../plugins/rbac/hub.ts'
import { defineRoles } from '../../plugins/rbac/roles.ts'
import { openWebSocket } from '../e2e/open-web-socket.ts'
import { mshSession, mshTls } from '../plugins/tcp-apps/connect-msh.ts'
import { open } from '../plugins/tcp-apps/start-tcp-hub.ts'
import { failuresOf, unprovenOf } from './failures.ts'
import { PART_FLAWS, parts, ROUTE_FLAWS, routes } from './flawed-routes.ts'

/** What a protocol gets wrong, and the test that finds it. */
const PROTOCOL_FLAWS = {
  none: [],
  'stops-early': ['it carries bytes whole in both directions'],
  'falls-back': ['nobody without access reaches the app'],
  'ignores-cuts': ['a connection is cut at both ends when access ends'],
  'forgets-app': ['the loss of one end closes the other'],
  'records-nothing': ['the use of the app is recorded with the person'],
  'waits-for-strangers': ['bytes of strangers end their connection, and nothing else'],
  'never-drains': ['a hub stops although a connection is open'],
} as const

/** Longer than the hub waits: its grace period of a second, and two more. */
const DRAIN_MS = 5_000

/** Fewer than the suite sends. */
const STOPPED_BYTES = 64 << 10

/** A token that the protocol without a flaw has admitted. */
let admitted = ''

/** A line with the token of a program and the name of an app, then the bytes. */
const protocol = (flaw: string) =>
  defineHubPlugin({
    name: `line-${flaw}`,
    api: 1,
    summary: 'Connects to apps after a line with a token',
    needs: { access, audit, catalog, tunnel },
    provides: { protocols },
    setup({ use, provide }) {
      const open = new Set<TLSSocket>()
      const serve = async (socket: TLSSocket, clientIp: string) => {
        const [head] = (await once(socket, 'data')) as [Buffer]
        socket.pause()
        const end = head.indexOf('\n')
        const [token = '', app = ''] = head.subarray(0, end).toString().split(' ')
        if (!/^[\w-]+$/.test(token)) return flaw === 'waits-for-strangers' ? undefined : void socket.destroy()
        const admit = (token: string) =>
          use.access.admit({
            who: { kind: 'cert', token },
            app: use.catalog.byName(app),
            protocol: 'tcp',
            clientIp,
            requestId: crypto.randomUUID(),
          })
        let admission = await admit(token)
        if (admission.outcome !== 'admitted' && flaw === 'falls-back') admission = await admit(admitted)
        if (admission.outcome !== 'admitted') return void socket.destroy()
        if (flaw === 'none') admitted = token
        const upstream = new PipeDuplex(await use.tunnel.open(admission), { allowHalfOpen: true })
        upstream.on('error', () => socket.destroy()).once('close', () => socket.destroy())
        if (flaw !== 'ignores-cuts') admission.bind({ cut: () => void socket.destroy() })
        else {
          admission.bind({ cut() {} })
          upstream.removeAllListeners().on('error', () => {})
        }
        let passed = 0
        if (flaw === 'stops-early')
          upstream.on('data', ({ length }: Buffer) => {
            passed += length
            if (passed > STOPPED_BYTES) socket.destroy()
          })
        socket.once('close', () => {
          if (flaw !== 'forgets-app') upstream.destroy()
          admission.close()
          const who = { user: admission.subject?.user ?? '', roles: [...(admission.subject?.roles ?? [])] }
          if (flaw === 'records-nothing') return
          const fields = { app: admission.app.name }
          use.audit.record({ type: 'app.session.end', success: true, ...who, clientIp, fields })
        })
        upstream.write(head.subarray(end + 1))
        socket.pipe(upstream, { end: flaw !== 'forgets-app' }).pipe(socket)
      }
      provide.protocols({
        name: `line-${flaw}`,
        takes: 'alpn',
        alpn: `line-${flaw}/1`,
        clientAuthority: null,
        accept(socket, { clientIp }) {
          open.add(socket)
          socket.on('error', () => {}).once('close', () => open.delete(socket))
          serve(socket, clientIp).catch(() => socket.destroy())
        },
        async drain(signal) {
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
          if (flaw === 'never-drains') await new Promise((resolve) => setTimeout(resolve, DRAIN_MS))
          for (const socket of open) socket.destroy()
        },
      })
    },
  })

const clientOf =
  (flaw: string) =>
  async ({ hub, app, visitor }: ProtocolVisit): Promise<TLSSocket> => {
    const token = visitor === null ? 'nobody' : (await programLogin(hub, {}, visitor)).token
    const { hostname: host, port } = new URL(hub.url)
    const socket = connectTls({
      host,
      port: Number(port),
      lookup: lookupLocalhost,
      servername: host,
      rejectUnauthorized: false,
      ALPNProtocols: [`line-${flaw}/1`],
    })
    await once(socket, 'secureConnect')
    socket.write(`${token} ${app}\n`)
    return socket
  }

/** What a sign-in method gets wrong, and the test that finds it. */
const SIGN_IN_FLAWS = {
  none: [],
  'signs-in-bob': ['the right credentials sign in, and the browser continues where it wanted to go'],
  'forgets-target': ['the right credentials sign in, and the browser continues where it wanted to go'],
  'accepts-all': ['wrong credentials do not sign in'],
  'keeps-session': ['each sign-in opens a new session and ends that of the browser'],
  'repeats-codes': ['a return from the provider works once, and in the browser that was sent there'],
  'any-browser': ['a return from the provider works once, and in the browser that was sent there'],
  'throws-faults': [
    'a return from the provider works once, and in the browser that was sent there',
    'no sign-in is logged as a fault',
  ],
} as const

/** Asks for a password, and returns with a code like a provider. */
const signInMethod = (flaw: string) =>
  defineHubPlugin({
    name: `password-${flaw}`,
    api: 1,
    summary: 'Signs alice in with a password',
    needs: { signInDesk, users },
    provides: { signInMethods },
    setup({ use, provide }) {
      const name = `password-${flaw}`
      const codes = new Map<string, { state: string; nonce: string }>()
      provide.signInMethods({
        name,
        choices: () => [{ id: name, title: name }],
        async begin(request, reply, { state }) {
          const isRight = request.headers.authorization === 'right' || flaw === 'accepts-all'
          if (!isRight) throw new Problem(401, 'password_wrong', 'The password is wrong.')
          const session = await use.signInDesk.sessionOf(request)
          if (session && flaw === 'keeps-session') return reply.redirect('/web/account', 302)
          const [code, nonce] = [crypto.randomUUID(), crypto.randomUUID()]
          codes.set(code, { state, nonce })
          reply.header('set-cookie', `${name}=${nonce}; Path=/; HttpOnly; Secure`)
          return reply.redirect(`/v1/webapi/${name}/callback/${name}?code=${code}`, 302)
        },
        async callback(request) {
          const { code = '' } = request.query as { code?: string }
          const found = codes.get(code)
          if (flaw !== 'repeats-codes') codes.delete(code)
          if (!found && flaw === 'throws-faults') throw new TypeError('there is no such code')
          const cookie = readCookie(request.headers.cookie, name)
          if (!found || (cookie !== found.nonce && flaw !== 'any-browser'))
            throw new Problem(400, 'code_unknown', 'This sign-in link has expired. Start again.')
          const user = flaw === 'signs-in-bob' ? 'bob' : `alice-${flaw}`
          const identity = { issuer: name, sub: user, connector: name, name: user, mappedRoles: ['access'] }
          const state =
            flaw === 'forgets-target'
              ? use.signInDesk.seal({ appHost: null, path: '/', nonceHash: null })
              : found.state
          return { user: await use.users.signIn(identity), state }
        },
      })
    },
  })

/** What the declaration of a resource gets wrong, and the test that finds it. */
const RESOURCE_FLAWS = {
  none: [],
  'no-example': ['the API describes it, with an example'],
  'shows-otherwise': ['the API describes it, with an example'],
  'hides-removals': ['a resource has the same JSON in every response, until it is removed'],
  'accepts-all': ['unknown members are rejected, and nothing is stored'],
  'ignores-versions': ['a resource is replaced only by a caller who has its current version'],
  'no-order': ['pages contain every resource once'],
  'records-nothing': ['each change is recorded once'],
  'open-to-all': ['every route rejects callers without credentials'],
} as const

type Note = { readonly name: string; readonly document: string }
const note = (flaw: string, name: string) => ({
  kind: `note-${flaw}`,
  version: 'v1',
  metadata: { name },
  spec: { text: 'Closed' },
})

const tableOf = (flaw: string) => `notes_${flaw.replaceAll('-', '_')}`

/** Notes with a text. */
const noteResource = (flaw: string) =>
  defineResource<Note & { readonly shown: object }, Note, Resource<unknown>>({
    name: flaw === 'records-nothing' ? 'remark' : 'note',
    collection: `notes-${flaw}`,
    changeKind: `note-${flaw}`,
    table: tableOf(flaw),
    key: 'name',
    form: {
      kind: `note-${flaw}`,
      spec: Type.Object({ text: Type.String() }, { additionalProperties: false }),
    },
    ...(flaw === 'no-example' ? {} : { example: note(flaw, 'one') }),
    read: (row) => ({ ...row, shown: JSON.parse(row.document) as object }),
    show: ({ shown }) => (flaw === 'shows-otherwise' ? { ...shown, spec: 'Closed' } : shown),
    audited: ({ name }) => ({ name }),
    ...(flaw === 'no-order' ? { order: () => '' } : {}),
    verbs: {
      list: flaw === 'open-to-all' ? { access: 'public' } : {},
      get: {},
      put: {
        parse: (body, { name }) =>
          flaw === 'accepts-all'
            ? (body as Resource<unknown>)
            : parseResource(
                `note-${flaw}`,
                Type.Object({ text: Type.String() }, { additionalProperties: false }),
                body,
                { name },
              ),
        row: (document) => ({ name: document.metadata.name, document: JSON.stringify(document) }),
      },
      remove: {},
    },
  })

const notes = (flaw: string) =>
  defineHubPlugin({
    name: `notes-${flaw}`,
    api: 1,
    summary: 'Keeps notes',
    needs: { revisions },
    provides: { migrations, webRoutes },
    setup({ use, provide, clock, log }) {
      const resource = noteResource(flaw)
      const table = tableOf(flaw)
      provide.migrations({
        owner: `notes-${flaw}`,
        migrations: {
          '0001-notes': {
            async up(db: Database) {
              const columns = db.schema
                .createTable(table)
                .addColumn('name', 'text', (one) => one.primaryKey())
              await columns.addColumn('document', 'text').execute()
            },
          },
        },
      })
      const collection = resource.open({ revisions: use.revisions, clock, log })
      const own = resource.routes(collection)
      const routes: WebRoutes['routes'] = async (web, options) => {
        web.addHook('onRequest', async ({ headers }) => {
          if (flaw !== 'ignores-versions') return
          delete headers['if-match']
          delete headers['if-none-match']
        })
        web.addHook('onSend', async ({ method }, _reply, payload) =>
          method === 'DELETE' && flaw === 'hides-removals' ? '{}' : payload,
        )
        await own.routes(web, options)
      }
      provide.webRoutes({ ...own, routes })
    },
  })

/** As msh connects to a TCP app. */
async function connectTcp({ hub, app, visitor }: ProtocolVisit): Promise<ClientHttp2Stream> {
  const login = visitor === null ? {} : await programLogin(hub, {}, visitor)
  const session = mshSession(mshTls(hub.ports.public, login))
  const { stream, status } = await open(session, app)
  stream.once('close', () => session.destroy())
  if (status === 200) return stream
  stream.destroy()
  throw new Error(`refused with ${status}`)
}

/** As a page of an HTTP app opens a WebSocket. */
async function connectWebSocket({ hub, app, visitor = null }: ProtocolVisit): Promise<Duplex> {
  const browser = visitor ?? hub.visitor()
  await browser.open(hub.appUrl(app))
  return createWebSocketStream(await openWebSocket(browser, hub.appUrl(app)))
}

const webApp = createServer((_request, response) => response.setHeader('connection', 'close').end('ready'))
new WebSocketServer({ server: webApp }).on('connection', (socket) => {
  socket.on('message', (data) => socket.send(data)).on('error', () => {})
})

const bench = await openProtocolBench([
  ...Object.keys(PROTOCOL_FLAWS).map((flaw) => ({ plugin: protocol(flaw) })),
  ...Object.keys(SIGN_IN_FLAWS).map((flaw) => ({ plugin: signInMethod(flaw) })),
  ...Object.keys(RESOURCE_FLAWS).map((flaw) => ({ plugin: notes(flaw) })),
  ...Object.keys(ROUTE_FLAWS).map((flaw) => ({ plugin: routes(flaw) })),
  ...Object.keys(PART_FLAWS).map((flaw) => ({ plugin: parts(flaw) })),
])
t.teardown(() => bench.close())
const shared = { ...bench, shared: true }

t.test('the protocol for TCP apps passes its suite', async (t) =>
  conformProtocol(t, { kind: 'tcp', alpn: 'mezite-tcp/1', connect: connectTcp, bench: shared }),
)

t.test('the protocol for HTTP apps passes its suite', async (t) =>
  conformProtocol(t, {
    kind: 'http',
    connect: connectWebSocket,
    bench: shared,
    uri: (port) => `http://127.0.0.1:${port}`,
    app: (socket) => void webApp.emit('connection', socket),
  }),
)

t.test('sign-in with OpenID Connect passes its suite', async (t) => {
  const { hub, issuer } = bench
  const person = (idToken?: (claims: Record<string, unknown>) => undefined) => (visit: SignInVisit) => {
    const email = 'olga@example.com'
    issuer.person = { sub: 'olga', email, email_verified: true, groups: ['reaches'] }
    issuer.misbehave = idToken ? { idToken } : {}
    return visit.visitor.open(visit.url)
  }
  const forge = (claims: Record<string, unknown>) => void Object.assign(claims, { nonce: 'forged' })
  conformSignIn(t, oidc, {
    hub,
    choice: 'sso',
    user: 'olga@example.com',
    signIn: person(),
    fail: person(forge as never),
  })
})

t.test('roles, locks, connectors and API tokens are resources like those of any plugin', async (t) => {
  const { hub } = bench
  const role = { kind: 'role', version: 'v1', metadata: { name: 'other' }, spec: {} }
  conformResource(t, rbac, { hub, resource: defineRoles().definition, another: role })
  const lock = { name: 'lock', collection: 'locks', key: 'id' }
  conformResource(t, rbac, { hub, resource: lock, another: { target: { agent: 'node-9' } } })
  const spec = { issuer_url: 'https://other.example.com', client_id: 'mezite' }
  conformResource(t, oidc, {
    hub,
    resource: { name: 'connector', collection: 'connectors', key: 'name' },
    another: { kind: 'oidc', version: 'v1', metadata: { name: 'other' }, spec },
  })
  conformResource(t, apiTokens, {
    hub,
    resource: { name: 'token', collection: 'api-tokens', key: 'id' },
    another: { name: 'other', roles: ['admin'] },
  })
})

t.test('each rule of the suite for resources fails for its own flaw', async (t) => {
  for (const [flaw, expected] of Object.entries(RESOURCE_FLAWS)) {
    const resource = { ...noteResource(flaw).definition, name: 'note' }
    const suite = (t: ConformTest) =>
      conformResource(t, notes(flaw), { hub: bench.hub, resource, another: note(flaw, 'other') })
    t.strictSame(await failuresOf(suite, expected), expected, flaw)
    t.strictSame(unprovenOf(suite, RESOURCE_FLAWS), [])
  }
})

t.test('each rule of the suites for routes and parts of the dashboard fails for its own flaw', async (t) => {
  const { hub } = bench
  for (const [flaw, expected] of Object.entries(ROUTE_FLAWS)) {
    const open = flaw === 'no-routes' ? [] : [`GET /v1/webapi/routes-${flaw}/health`]
    const suite = (t: ConformTest) =>
      conformRoutes(t, routes(flaw), { hub, use: { catalog: {} }, public: open })
    t.strictSame(await failuresOf(suite), expected, flaw)
    t.strictSame(unprovenOf(suite, ROUTE_FLAWS), [])
  }
  for (const [flaw, expected] of Object.entries(PART_FLAWS)) {
    const suite = (t: ConformTest) => conformDashboardParts(t, parts(flaw), { hub })
    t.strictSame(await failuresOf(suite), expected, flaw)
    t.strictSame(unprovenOf(suite, PART_FLAWS), [])
  }
})

t.test('each rule of the suites for protocols and sign-in methods fails for its own flaw', async (t) => {
  for (const [flaw, expected] of Object.entries(SIGN_IN_FLAWS)) {
    const attempt = (authorization: string) => (visit: SignInVisit) =>
      visit.visitor.open(visit.url, { headers: { authorization } })
    const suite = (t: ConformTest) =>
      conformSignIn(t, signInMethod(flaw), {
        hub: bench.hub,
        choice: `password-${flaw}`,
        user: `alice-${flaw}`,
        signIn: attempt('right'),
        fail: attempt('wrong'),
      })
    t.strictSame(await failuresOf(suite, expected), expected, `sign-in: ${flaw}`)
    t.strictSame(unprovenOf(suite, SIGN_IN_FLAWS), [])
  }
  const check = async ([flaw, expected]: [string, readonly string[]]) => {
    const suite = (t: ConformTest) =>
      conformProtocol(t, {
        kind: 'tcp',
        alpn: `line-${flaw}/1`,
        connect: clientOf(flaw),
        bench: flaw === 'never-drains' ? bench : shared,
      })
    t.strictSame(await failuresOf(suite, expected), expected, `protocol: ${flaw}`)
    t.strictSame(unprovenOf(suite, PROTOCOL_FLAWS), [])
  }
  const [none, ...others] = Object.entries(PROTOCOL_FLAWS)
  await check(none!)
  // It stops the hub.
  const last = others.pop()!
  // Most of them wait for the same deadline.
  await Promise.all(others.map(check))
  await check(last)
})
