import { randomBytes, randomUUID } from 'node:crypto'
import type { App, Migrations, Session, SignInMethod, View, WebRoutes } from '@mezite/core'
import { MezError } from '@mezite/core'
import { systemClock } from '@mezite/core/protocol'
import { testSecretBox } from '@mezite/core/testing'
import Fastify from 'fastify'
import type { Kysely } from 'kysely'
import { duringSetup } from '../../../core/kernel/setup-turn.ts'
import { testJobs } from '../../../core/testing/job-conformance.ts'
import { createSignIn } from '../../../core/web/desk/sign-in.ts'
import { createSignInRate, type SignInRate } from '../../../core/web/desk/sign-in-rate.ts'
import { sendError } from '../../../core/web/server/error-response.ts'
import { writeInTurns } from '../../../core/web/server/long-response.ts'
import { pageAssets } from '../../../core/web/server/page-assets.ts'
import { guardRoutes } from '../../../core/web/server/route-guard.ts'
import { sharedDecorators } from '../../../core/web/server/shared-decorators.ts'
import cliLogin from '../../../plugins/cli-login/hub.ts'
import identityJwt from '../../../plugins/identity-jwt/hub.ts'
import oidc from '../../../plugins/oidc/hub.ts'
import { roleRequirements } from '../../../plugins/rbac/requirements.ts'
import signIn from '../../../plugins/sign-in/hub.ts'
import { meRoutes } from '../../../plugins/web-api/me-routes.ts'
import { openTestRooms } from '../../hub/open-test-rooms.ts'
import { openTestDatabase } from '../../state/database/stores.ts'

// biome-ignore lint/suspicious/noExplicitAny: stands in for rooms with types of their own
type Loose = any

const APPS_DOMAIN = 'apps.example.com'
const sha = 'a'.repeat(43)

export function fakeApp(name: string, more: Partial<App> = {}): App {
  return {
    id: `id-${name}`,
    name,
    description: null,
    labels: {},
    uri: `http://10.0.0.1/${name}`,
    protocol: 'http',
    publicAddr: `${name}.${APPS_DOMAIN}`,
    agents: [],
    enabled: true,
    tls: { verify: true, serverName: null, ca: null },
    rewriteHost: 'preserve',
    httpVersion: '1.1',
    identityHeaders: {},
    headers: { request: { set: {}, remove: [] }, response: { set: {}, remove: [] } },
    origins: [],
    timeouts: { connectMs: 1, responseMs: 1, idleMs: 1 },
    expires: null,
    ...more,
  }
}

/** The sign-in room and the oidc plugin, both real, on a bare Fastify and a real database; other rooms are small fakes. */
export async function startSignInHost(
  options: { appsOidcConnector?: string | null; apps?: App[]; rate?: SignInRate } = {},
) {
  const opened = await openTestDatabase([])
  const database = opened.db as unknown as Kysely<Loose>
  const logs: string[] = []
  const events: Loose[] = []
  const write = (...parts: unknown[]) => void logs.push(JSON.stringify(parts))
  const log: Loose = { debug: write, info: write, warn: write, error: write, child: () => log }
  const audit: Loose = { record: (event: unknown) => void events.push(event), accepting: true }
  const views: View[] = []
  const state = { fresh: true, revision: 1 }
  const revisions: Loose = {
    get revision() {
      return state.revision
    },
    fresh: () => state.fresh,
    addView: (view: View) => void views.push(view),
    onApplied() {},
    async write(change: Loose) {
      const touched = new Map<string, Set<string>>()
      const result = await database.transaction().execute((trx) =>
        change(trx, {
          touch: (kind: string, id: string) => touched.set(kind, (touched.get(kind) ?? new Set()).add(id)),
          audit: async (event: unknown) => void events.push(event),
        }),
      )
      const swaps = await database
        .transaction()
        .execute((trx) => Promise.all(views.map((view) => view.refresh(trx, touched))))
      for (const swap of swaps) swap()
      state.revision++
      return result
    },
  }
  const byToken = new Map<string, Session>()
  const issued: Loose[] = []
  const ended: { id: string; reason: string }[] = []
  const rolesBy = new Map<string, readonly string[]>()
  const sessions: Loose = {
    async open(input: Loose) {
      const token = randomBytes(32).toString('base64url')
      const made = {
        satisfied: [],
        appId: null,
        parentId: null,
        ...input,
        id: randomUUID(),
        created: 0,
      }
      byToken.set(token, made)
      return { session: made, token }
    },
    find: (kind: string, token: string) => {
      const found = byToken.get(token)
      return found?.kind === kind ? found : undefined
    },
    byId: (id: string) => [...byToken.values()].find((one) => one.id === id),
    list: () => [...byToken.values()],
    listIn: async (_trx: Loose, { connector }: Loose) =>
      [...byToken.values()].filter((one) => one.connector === connector),
    subjectOf: (one: Session) => ({
      user: one.user,
      roles: rolesBy.get(one.user) ?? [],
      kind: 'session',
      sessionId: one.id,
      satisfied: [],
    }),
    async end(ids: string[], reason: string) {
      for (const [token, one] of byToken) {
        if (!ids.includes(one.id)) continue
        byToken.delete(token)
        ended.push({ id: one.id, reason })
      }
      return ids.length
    },
    touch: () => {},
    activityOf:
      async () =>
      ({ lastUsed }: Session) => ({ streams: 2, lastUsed }),
    whyOver: () => null,
    live: { add() {}, remove() {} },
    tickets: {
      issue: async (input: Loose) => {
        issued.push(input)
        return 'handover-code'
      },
    },
  }
  const holders = new Map<string, string>()
  const users: Loose = {
    rolesOf: (name: string) => rolesBy.get(name) ?? [],
    byName: (name: string) => ({
      name,
      ownRoles: [],
      mappedRoles: rolesBy.get(name) ?? [],
      connector: 'sso',
    }),
    async signIn({ name, issuer, sub, mappedRoles }: Loose) {
      if (/[,\x00-\x1f]/.test(name)) throw new MezError('MEZ_USER_NAME_INVALID', 'bad name')
      const who = `${issuer}|${sub}`
      const nameKey = name.normalize('NFKC').toLowerCase()
      if ((holders.get(nameKey) ?? who) !== who) throw new MezError('MEZ_USER_NAME_TAKEN', 'taken')
      holders.set(nameKey, who)
      rolesBy.set(name, mappedRoles)
      return { name }
    },
    async dropMappedRoles() {},
  }
  const apps = options.apps ?? [fakeApp('grafana')]
  const catalog: Loose = {
    byHost: (host: string) => apps.find(({ publicAddr }) => publicAddr === host),
    byId: (id: string) => apps.find((app) => app.id === id),
    list: () => apps,
    servedByHub: ({ protocol }: App) => protocol === 'http',
    urlOf: ({ publicAddr }: App) => `https://${publicAddr}${publicNames.portSuffix}/`,
  }
  const answers: Loose = {
    decision: { effect: 'allow', reason: '', roles: [], requirements: [] } as Loose,
    lock: null as Loose,
  }
  // The port is known only after listening, and origins are read when used.
  const names = { origin: '' }
  const publicNames: Loose = {
    clusterName: 'example <b>',
    get hubOrigin() {
      return names.origin
    },
    get signInOrigin() {
      return names.origin
    },
    appsDomain: APPS_DOMAIN,
    appsDomains: [APPS_DOMAIN],
    portSuffix: ':3080',
    appsOidcConnector: options.appsOidcConnector ?? null,
  }
  const rooms = openTestRooms({
    only: ['access', 'explain', 'pages', 'requirements', 'users'],
    given: {
      config: { sessions: { stream_staleness: 30_000 } },
      counts: { decision() {} },
      kernel: { slot: () => [] },
      secretBox: testSecretBox(),
      publicNames,
      clock: systemClock,
      log,
    },
    instead: {
      audit: () => audit,
      catalog: () => catalog,
      decisions: () => ({ decide: () => answers.decision }),
      explain: () => async () => answers.explanation,
      locks: () => ({ appLock: () => null, lockFor: () => answers.lock }),
      requirements: () => new Map(roleRequirements.map((kind) => [kind.name, kind])),
      revisions: () => revisions,
      sessions: () => sessions,
      users: () => users,
    },
  })
  const { access, callers, locks, pages, secretBox } = rooms
  // As the hub's server, which knows this keyword of schemas.
  const ajv = { customOptions: { keywords: ['must'] } }
  const server = Fastify({ routerOptions: { maxParamLength: 500 }, ajv })
  server.register(sharedDecorators)
  const plenty = 1_000_000
  const callsPerMinute = { pages: plenty, sign_in: plenty, tokens: plenty, keys: plenty, other: plenty }
  writeInTurns(server as Loose)
  guardRoutes(server as Loose, {
    // Administration is called as the operator, everything else over the public port.
    arrivalOf: ({ url }): Loose =>
      /^\/v1\/webapi\/(connectors|auth)\b/.test(url)
        ? 'operator'
        : { info: { clientIp: '192.0.2.1' }, origin: names.origin },
    callers,
    identify: async ({ token }) => {
      const session = byToken.get(token)
      return session ? sessions.subjectOf(session) : null
    },
    revisions,
    limits: { callsPerMinute, anonymousRequestsPerAddress: plenty },
    get signInOrigin() {
      return names.origin
    },
    signInUrl: (path) =>
      `${names.origin}/web/login?state=${room.desk.seal({ appHost: null, path, nonceHash: null })}`,
    clock: { now: () => 0, monotonic: () => 0 },
  })
  server.setErrorHandler((error, request, reply) =>
    sendError(error, request, reply, { log, renderError: room.renderError, audit }),
  )
  const challenges: Loose[] = []
  const challenge: Loose = async (asked: Loose) => {
    for (const tap of challenges) {
      const answer = await tap(asked)
      if (answer) return answer
    }
    return null
  }
  const methods: SignInMethod[] = []
  const mounted: WebRoutes[] = []
  const owners: Migrations[] = []
  const starts: (() => Promise<void>)[] = []
  const stops: (() => void)[] = []
  const rate = options.rate ?? createSignInRate(systemClock)
  const tunnel: Loose = { stateOf: () => ({ state: 'ready', reason: null }) }
  const room = createSignIn({
    ...rooms,
    sessionLimits: () => undefined,
    rate,
    challenge,
    methods: () => methods,
  })
  mounted.push(meRoutes({ ...rooms, hubState: tunnel }), pageAssets(pages))
  const provided: Loose = {}
  for (const plugin of [oidc, identityJwt, cliLogin, signIn]) {
    const own: Loose = {
      config: {},
      clock: systemClock,
      log,
      tap: {
        access: { challenge: (fn: Loose) => challenges.push(fn) },
        lifecycle: { start: (fn: Loose) => starts.push(fn), stop: (fn: Loose) => stops.push(fn) },
      },
      use: {
        jobs: testJobs(),
        revisions,
        database,
        publicNames,
        sessions,
        signInDesk: room.desk,
        users,
        secretBox,
        authorities: { bundle: () => ['PEM'] },
        access,
        audit,
        catalog,
        locks,
        pages,
        tunnel,
        signInMethods: methods,
        webRoutes: [...mounted],
      },
      provide: {
        migrations: (part: Migrations) => owners.push(part),
        signInMethods: (part: SignInMethod) => methods.push(part),
        webRoutes: (part: WebRoutes) => mounted.push(part),
        commandLogins: () => {},
        assertion: (part: unknown) => {
          provided.assertion = part
        },
      },
    }
    duringSetup(plugin.name, () => plugin.setup(own))
  }
  await opened.migrate(owners)
  for (const view of views) (await database.transaction().execute((trx) => view.loadAll(trx)))()
  for (const start of starts) await start()
  for (const { prefix, routes } of mounted) await server.register(routes, { prefix })
  names.origin = await server.listen({ host: '127.0.0.1', port: 0 })

  return {
    url: names.origin,
    server,
    database,
    logs,
    events,
    sessions,
    audit,
    byToken,
    issued,
    ended,
    answers,
    apps,
    state,
    rate,
    rolesBy,
    methods,
    assertion: provided.assertion as import('@mezite/core/identity').Assertion,
    publicNames,
    launch: (host: string, path = '/', nonce = sha) =>
      `${names.origin}/web/launch?${new URLSearchParams({ host, path, nonce })}`,
    async connect(name: string, spec: object) {
      const response = await fetch(`${names.origin}/v1/webapi/connectors/${name}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'oidc', version: 'v1', metadata: { name }, spec }),
      })
      return { status: response.status, body: (await response.json()) as Loose }
    },
    async close() {
      for (const stop of stops) stop()
      await server.close()
      await opened.close()
    },
  }
}
