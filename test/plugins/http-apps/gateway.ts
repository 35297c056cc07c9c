import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import type { App, AuditInput, PublicNames, Session, Subject } from '@mezite/core'
import type { Credential } from '@mezite/core/identity'
import {
  type AppHostProtocol,
  createOverload,
  createRateLimit,
  type EndReason,
  type ProxyLimits,
  systemClock,
} from '@mezite/core/protocol'
import { MemoryTunnel } from '@mezite/core/testing'
import type { Decision } from '../../../core/api/decision.ts'
import { hubHooks } from '../../../core/api/hub-hooks.ts'
import { verifiers } from '../../../core/api/verifiers.ts'
import { defaultLimits } from '../../../core/base/limits/limits.ts'
import type { LiveStream } from '../../../core/gate/sessions/stream-registry.ts'
import { createHooks } from '../../../core/kernel/hooks.ts'
import type { Reasons } from '../../../core/kernel/reason.ts'
import { createBrowserServer } from '../../../core/traffic/http/browser-server.ts'
import { refusalPageOf } from '../../../core/web/pages/error-pages.ts'
import { createPages } from '../../../core/web/pages/pages.ts'
import { AppHosts } from '../../../plugins/http-apps/app-hosts.ts'
import { Deadlines } from '../../../plugins/http-apps/deadlines.ts'
import type { Deps } from '../../../plugins/http-apps/deps.ts'
import { reasons } from '../../../plugins/http-apps/reasons.ts'
import { FailureLog } from '../../../plugins/http-apps/relay/failure-log.ts'
import { appSession } from '../../../plugins/http-apps/request/cookies.ts'
import { preflights } from '../../../plugins/http-apps/session/preflights.ts'
import { PipePool } from '../../../plugins/http-apps/upstream/pipe-pool.ts'
import { openTestRooms } from '../../hub/open-test-rooms.ts'
import { until } from '../../until.ts'

export const TOKEN = 'tokentokentokentokentokentoken0000000000000'
export const OTHER = 'othertokenothertokenothertoken0000000000000'
export const COOKIE = `__Host-mezite_app=${TOKEN}`

const directory = mkdtempSync(join(tmpdir(), 'http-apps-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
execFileSync(
  'openssl',
  `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=apps.test -keyout ${directory}/k -out ${directory}/c`.split(
    ' ',
  ),
  { stdio: 'ignore' },
)
export const key = readFileSync(join(directory, 'k'))
export const cert = readFileSync(join(directory, 'c'))

export function appAt(port: number, more: Partial<App> = {}): App {
  return Object.freeze({
    id: 'app-a',
    name: 'a',
    description: null,
    labels: {},
    uri: `http://127.0.0.1:${port}`,
    protocol: 'http',
    publicAddr: 'a.apps.test',
    agents: ['node-1', 'node-2'],
    enabled: true,
    tls: { verify: true, serverName: null, ca: null },
    rewriteHost: 'preserve',
    httpVersion: '1.1',
    identityHeaders: {},
    headers: { request: { set: {}, remove: [] }, response: { set: {}, remove: [] } },
    origins: [],
    timeouts: { connectMs: 20_000, responseMs: 30_000, idleMs: 60_000 },
    expires: null,
    ...more,
  } as const)
}

/** Limits that differ from the defaults. */
export type Caps = Partial<ProxyLimits> & { readonly perPerson?: number; readonly perApp?: number }

/** The protocol as the hub sees it, and what it got without node:http. Without a lane, node:http reads every request. */
function countLane(hosts: AppHosts, lane: boolean) {
  const onLane: string[] = []
  const protocol: AppHostProtocol = {
    name: hosts.name,
    takes: hosts.takes,
    request: (...all) => hosts.request(...all),
    upgrade: (...all) => hosts.upgrade(...all),
    stream: (...all) => hosts.stream(...all),
    breakBody: (...all) => hosts.breakBody(...all),
    drain: (signal) => hosts.drain(signal),
    ...(lane && {
      bodyless(routed, response) {
        onLane.push(`${routed.head.method} ${routed.target}`)
        hosts.bodyless(routed, response)
      },
    }),
  }
  return { onLane, protocol }
}

/** The protocol behind a real TLS port and a real gate, with the other rooms as plain memory. */
export async function openGateway(
  app: App,
  names: Partial<PublicNames> = {},
  caps: Caps = {},
  lane: 'lane' | 'no lane' = 'lane',
  credentials: readonly Credential[] = [],
) {
  const tunnel = new MemoryTunnel()
  const apps = new Map([[app.publicAddr, app]])
  const records: AuditInput[] = []
  const live = new Set<LiveStream>()
  const sessions = new Map<string, Session>()
  for (const [token, id] of [
    [TOKEN, 's1'],
    [OTHER, 's2'],
  ] as const)
    sessions.set(token, {
      id,
      kind: 'app',
      user: 'ann',
      holder: null,
      connector: null,
      appId: app.id,
      parentId: null,
      apps: [],
      clientIp: '',
      client: null,
      satisfied: [],
      created: 0,
      expires: Number.POSITIVE_INFINITY,
      idleMs: 0,
      lastUsed: 0,
    })
  const state = {
    decision: { effect: 'allow', reason: 'ok', roles: ['r'], requirements: [] } as Decision,
    later: false,
    fresh: true,
    revision: 1,
    accepting: true,
    user: 'ann',
    roles: ['dev', 'ops'],
    profile: null as Subject['profile'] | null,
    /** Returns the secret header lines of an app. */
    secretHeaders: (): readonly string[] => [],
    redeemed: [] as unknown[],
    redeemFails: null as Error | null,
    ended: [] as string[],
  }
  const publicNames = {
    clusterName: 't',
    hubOrigin: 'https://hub.test',
    signInOrigin: 'https://hub.test',
    appsDomain: 'apps.test',
    appsDomains: ['apps.test'],
    portSuffix: '',
    appsOidcConnector: null,
    hsts: true,
    ...names,
  }
  const deadlines = new Deadlines(systemClock)
  deadlines.start()
  /** Reasons of requests that got no answer of the app, and what the log says of them. */
  const failed: string[] = []
  const warnings: unknown[][] = []
  const log = {
    debug() {},
    info() {},
    warn: (...a: unknown[]) => warnings.push(a),
    error: (...a: unknown[]) => errors.push(a),
  }
  const errors: unknown[] = []
  const hooks = createHooks({ http: hubHooks.http }, { log: log as never })
  const decisions = { decide: () => (state.later ? Promise.resolve(state.decision) : state.decision) }
  const rooms = openTestRooms({
    only: ['access'],
    given: {
      publicNames,
      config: { sessions: { stream_staleness: 30_000 } },
      counts: { decision() {} },
      kernel: { slot: (ref) => (ref.id === verifiers.id ? [preflights] : []) as never },
      clock: systemClock,
      log: log as never,
    },
    instead: {
      catalog: () => ({
        byHost: (host) => apps.get(host),
        servedByHub: ({ protocol }) => protocol === 'http',
        secretHeaders: () => state.secretHeaders(),
        byId: (id) => [...apps.values()].find((one) => one.id === id),
      }),
      sessions: () => ({
        find: (_, token) => (state.later ? Promise.resolve(sessions.get(token)) : sessions.get(token)),
        byId: (id) => [...sessions.values()].find((one) => one.id === id),
        subjectOf: (session) => ({
          user: state.user,
          roles: state.roles,
          ...(state.profile && { profile: state.profile }),
          kind: 'session',
          sessionId: session.id,
          satisfied: [],
        }),
        whyOver: () => null,
        touch() {},
        async end(ids) {
          state.ended.push(...ids)
          return ids.length
        },
        live: {
          add: (stream) => live.add(stream),
          remove: (stream) => live.delete(stream),
        },
        tickets: {
          async redeem(input) {
            state.redeemed.push(input)
            if (state.redeemFails !== null) throw state.redeemFails
            return input.code === 'good-code-good-code'
              ? { token: TOKEN, session: sessions.get(TOKEN)! }
              : null
          },
        },
      }),
      audit: () => ({
        record: (input) => void records.push(input),
        get accepting() {
          return state.accepting
        },
      }),
      revisions: () => ({
        get revision() {
          return state.revision
        },
        fresh: () => state.fresh,
        onApplied() {},
      }),
      decisions: () => decisions,
      locks: () => ({ appLock: () => null }),
    },
  })
  rooms.callers.open([appSession, ...credentials])
  const deps = {
    ...rooms,
    tunnel,
    assertion: { sign: () => 'head.body.signature' },
    httpHooks: hooks.calls.http,
    lateRefusers: new Set(),
    deadlines,
    pool: new PipePool(deadlines, tunnel),
    failures: new FailureLog(log as never, (reason) => {
      failed.push(reason)
      return { value: 0 }
    }),
    requestEnded: () => {},
    load: createOverload({ perPerson: 1_000, perApp: 1_000, ...caps }),
    proxyLimits: { ...defaultLimits, ...caps },
    handovers: createRateLimit(systemClock),
    pages: createPages({ publicNames, reasonOf: (code) => (reasons as Reasons)[code] }),
  } as unknown as Deps
  const hosts = new AppHosts(deps)
  const { onLane, protocol } = countLane(hosts, lane === 'lane')
  const browsers = createBrowserServer({
    publicNames,
    pages: deps.pages,
    refusalPage: refusalPageOf(publicNames, deps.pages.reasonOf),
    web: (_request, response) => response.end('hub'),
    protocols: [protocol],
    limits: deps.proxyLimits,
    refused({ clientIp, problem, requestId, record: type }) {
      if (type === null) return
      records.push({ type, success: false, reason: problem.code, clientIp, requestId, fields: { app: null } })
    },
    log: log as never,
  })
  const server = createServer({ key, cert, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
    const serverName = socket.servername || null
    browsers.accept(socket, { clientIp: '192.0.2.7', clientPort: 1, trustedProxy: false, serverName })
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sockets = new Set<TLSSocket>()
  return {
    port,
    apps,
    tunnel,
    records,
    live,
    sessions,
    state,
    /** Taps of the hooks of http. */
    tap: hooks.view('tap').http,
    errors,
    failed,
    warnings,
    hosts,
    protocol,
    /** Method and target of each request that the hub read itself. */
    onLane,
    deps,
    decisions,
    cutAll: (reason: EndReason) => {
      for (const stream of [...live]) {
        live.delete(stream)
        stream.cut(reason)
      }
    },
    requests: () => records.filter(({ type }) => type === 'app.request'),
    /** Resolves when `count` requests have been recorded. */
    async recorded(count: number) {
      const of = () => records.filter(({ type }) => type === 'app.request')
      await until(() => of().length >= count, `${count} requests are recorded`)
      return of()
    },
    async dial(servername = 'a.apps.test', ...ALPNProtocols: string[]): Promise<TLSSocket> {
      if (ALPNProtocols.length === 0) ALPNProtocols.push('http/1.1')
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername,
        rejectUnauthorized: false,
        ALPNProtocols,
      })
      sockets.add(socket)
      socket.on('error', () => {})
      await once(socket, 'secureConnect')
      return socket
    },
    /** A polite HTTP/2 client. */
    async session(servername?: string): Promise<ClientHttp2Session> {
      const socket = await this.dial(servername, 'h2')
      const session = connectHttp2('https://a.apps.test', { createConnection: () => socket })
      session.on('error', () => {})
      return session
    },
    browsers,
    async close() {
      for (const socket of sockets) socket.destroy()
      browsers.close()
      await hosts.drain(AbortSignal.abort())
      deadlines.stop()
      server.close()
    },
  }
}

export type Gateway = Awaited<ReturnType<typeof openGateway>>

/** Sends bytes on a connection of its own and resolves with everything that came until it closed. */
export async function raw(gateway: Gateway, bytes: string, servername?: string): Promise<string> {
  const socket = await gateway.dial(servername)
  socket.write(bytes, 'latin1')
  return readAll(socket)
}

export async function readAll(socket: TLSSocket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(60_000) })
  return Buffer.concat(chunks).toString('latin1')
}

/** Resolves with what has come as soon as it matches. */
export function readUntil(socket: TLSSocket, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const ondata = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!pattern.test(text)) return
      socket.off('data', ondata)
      resolve(text)
    }
    socket.on('data', ondata)
    socket.once('close', () => reject(new Error(`closed before ${pattern}: ${text.slice(0, 500)}`)))
  })
}

export function ask(line: string, ...headers: string[]): string {
  const all = ['Host: a.apps.test', `Cookie: ${COOKIE}`, 'Connection: close', ...headers]
  return `${line} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n`
}
