import type { Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import { formatAddress } from '../api/address.ts'
import { agentHooks } from '../api/agent-hooks.ts'
import { migrations } from '../api/database.ts'
import { type DiagnosticsRoute, diagnosticsRoutes } from '../api/diagnostics.ts'
import { hubHooks } from '../api/hub-hooks.ts'
import { hubPartChecks, hubPartTakes } from '../api/part-checks.ts'
import { type CertifiedHttp, certifiedHttp, protocols } from '../api/protocol.ts'
import { transports } from '../api/transport.ts'
import { webRoutes } from '../api/web-routes.ts'
import type { LoadedPlugin } from '../base/loader/plugin-loader.ts'
import { version } from '../base/loader/runtime-check.ts'
import { createCounts } from '../base/log/counts.ts'
import { createDiagnosticsListener, healthRoute } from '../base/log/diagnostics-listener.ts'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/error.ts'
import { createKernel } from '../kernel/kernel.ts'
import { createLifetime, type Drainable, type Lifetime } from '../kernel/lifetime.ts'
import type { Log } from '../kernel/log.ts'
import type { Ref } from '../kernel/reference.ts'
import {
  type BrowserServer,
  type BrowserServerOptions,
  createBrowserServer,
} from '../traffic/http/browser-server.ts'
import { transportPaths } from '../traffic/http/transport-paths.ts'
import { createListener, type Listener } from '../traffic/listener/listener.ts'
import { guardProtocol } from '../traffic/listener/protocol-guard.ts'
import { listenOn } from '../traffic/listener/public-port.ts'
import type { GroupMember } from '../traffic/processes/group-member.ts'
import { openTransports } from '../traffic/tunnel/transports.ts'
import { refusalPageOf } from '../web/pages/error-pages.ts'
import { createApiServer, type Web } from '../web/server/api-server.ts'
import { createCallerLookup } from '../web/server/caller.ts'
import { pageAssets } from '../web/server/page-assets.ts'
import { readinessChecks, readinessRoute } from '../web/server/readiness-route.ts'
import { JOIN_ALPN, RELAY_ALPN, TUNNEL_ALPN } from '../wire/tunnel-protocol.ts'
import type { HubConfig } from './config/hub-config.ts'
import { type HubServices, hubServices } from './config/hub-services.ts'
import { standardProviders } from './config/standard-plugins.ts'
import type { HubParts } from './hub-parts.ts'
import { internalListenAddress, ownAddress } from './own-address.ts'
import type { Rooms } from './room.ts'
import { openRooms, roomMigrations, servicesOf, startRooms } from './rooms.ts'

/** The inputs of a hub. */
export interface HubOptions {
  readonly parts: HubParts
  readonly config: HubConfig
  readonly plugins: readonly LoadedPlugin[]
  readonly log: Log
  readonly clock?: Clock
  /** The group of processes on one public port that this hub is in. */
  readonly group?: GroupMember
}

/** One hub: control plane and proxy in one process. */
export interface Hub extends Pick<Lifetime<OpenHub>, 'start' | 'stop'> {
  /** The ports that it listens on; null before the start. */
  readonly ports: OpenHub['ports'] | null
}

/** How long a lost client or a plugin may delay a drain beyond the grace period, in milliseconds. */
const CLOSE_MS = 2_000

/** Connects the rooms and the plugins. Opens nothing before `start`. */
export function createHub(options: HubOptions): Hub {
  const lifetime = createLifetime((onClose) => open(options, onClose), options.log)
  return {
    start: lifetime.start,
    stop: lifetime.stop,
    get ports() {
      return lifetime.opened?.ports ?? null
    },
  }
}

interface OpenHub extends Drainable {
  readonly ports: { readonly public: number; readonly diagnostics: number }
}

/** The start of a hub from its first file to its last port, in order. */
async function open(options: HubOptions, onClose: (closer: () => unknown) => void): Promise<OpenHub> {
  const { config, log, clock = systemClock, group } = options
  const [instanceId, hubVersion] = [uuidv7(), await version()]
  let state: 'starting' | 'ready' | 'draining' = 'starting'

  const counts = createCounts(log)
  const kernel = hubKernel(options, clock, counts.slowTap)
  const base = { ...options, instanceId, hubVersion, kernel, counts, clock, onClose }
  const rooms = await openRooms(base)
  let telling = false
  if (group) {
    // A hub that connects reports thousands of agents at once.
    kernel.tap('the other processes').tunnel.changed(() => {
      if (telling) return
      telling = true
      setImmediate(() => {
        telling = false
        group.linked(rooms.tunnel.links().length)
      })
    })
  }
  kernel.tap('the relay').lifecycle.drain(async (signal) => rooms.tunnel.relay?.drain(signal))
  kernel.tap('the public port').lifecycle.drain((signal) => listener.drain(signal))
  kernel.tap('browsers').lifecycle.drain((signal) => browsers.drain(signal))
  kernel.tap('the routes of the hub').lifecycle.drain((signal) => web.drain(signal))
  const certified: CertifiedHttp = { accept: (stream, info) => browsers.accept(stream, info) }
  kernel.setup([...provided(servicesOf(rooms)), [certifiedHttp, certified]])

  await startRooms(rooms)
  onClose(() => kernel.stop())
  // Runs before plugins stop, so that audit events still reach their sinks.
  onClose(() => rooms.audit.close())
  onClose(() => rooms.tunnel.close())
  onClose(() => rooms.joins.close())
  await kernel.start()
  rooms.jobs.start()
  onClose(() => rooms.jobs.stop())

  const offered = rooms.tunnel.offer(kernel.slot(transports))
  const web = apiServer(rooms)
  await web.start()
  onClose(() => web.close())
  const browsers = browserServer(rooms, {
    web: web.serve,
    paths: transportPaths(
      offered,
      rooms,
      (carrier, from) => listener.deliver(carrier, from),
      (clientIp, close) => listener.opening(clientIp, close),
    ),
  })
  onClose(() => browsers.close())
  const listener = publicListener(rooms, browsers, group)
  onClose(() => listener.close())
  rooms.hubState.watch(listener)
  const routes: readonly DiagnosticsRoute[] = [
    healthRoute,
    readinessRoute({ state: () => state, checks: readinessChecks(rooms) }),
    ...kernel.slot(diagnosticsRoutes),
  ]
  for (const route of routes)
    group?.answer(route.path, (query) => route.contribute?.(new URLSearchParams(query)))
  const diagnostics = createDiagnosticsListener({
    ...{ listenAddr: formatAddress(config.diagnostics.listen_addr), routes, log },
    ...(group && { contributions: group.ask }),
  })
  onClose(() => diagnostics.close())

  /** Listens on the socket that the processes of the group share, instead of an address. */
  const inherited = (key: string) => {
    const handle = group?.sockets.get(key)
    return handle && ((server: Server) => listenOn(server, handle))
  }
  const [{ port }, { port: diagnosticsPort }] = await Promise.all([
    listener.listen(),
    diagnostics.listen(inherited('diagnostics.listen_addr')),
  ])
  const { redirect_addr, shutdown_delay } = config.proxy
  if (redirect_addr) {
    const redirect = options.parts.redirectServer(
      formatAddress(redirect_addr),
      browsers.router.originOf,
      rooms.certificates.httpChallenge,
    )
    onClose(() => redirect.close())
    await redirect.listen(inherited('proxy.redirect_addr'))
  }
  await openTransports(offered, listener.deliver)
  await web.listenSocket(inherited('admin.sock') ?? join(config.data_dir, 'admin.sock'))
  await kernel.ready()
  const { registry, store, tunnel } = rooms
  await registry.announce(ownAddress(config.proxy, port, store.localAddress(), group?.index))
  state = 'ready'
  group?.ready(instanceId, listener.adopt, listener.take)
  group?.linked(tunnel.links().length)
  log.info({ port, instance: instanceId, version: hubVersion }, `ready at ${config.publicNames.hubOrigin}`)

  return {
    ports: { public: group?.port ?? port, diagnostics: diagnosticsPort },
    async drain() {
      state = 'draining'
      // Until balancers notice /readyz, the hub serves their clients and closes each connection with its response.
      browsers.announceShutdown()
      if (!group?.replaced) await pause(shutdown_delay)
      // Agents stop connecting to this hub, and other hubs stop sending their agents here.
      void registry
        .announce(null)
        .catch((error) => log.debug({ cause: messageOf(error) }, 'hub deregistration failed'))
      await listener.stopAccepting()
      group?.closed()
      const grace = AbortSignal.timeout(config.shutdown_grace)
      await kernel.drain(grace, config.shutdown_grace + CLOSE_MS)
      await tunnel.drain(AbortSignal.timeout(CLOSE_MS))
    },
  }
}

/** The rooms' own services and migrations, by reference. */
export const provided = (services: HubServices): readonly (readonly [Ref, unknown])[] => [
  ...Object.entries(hubServices).map(([name, ref]) => [ref, services[name as keyof HubServices]] as const),
  ...roomMigrations.map((each) => [migrations, each] as const),
]

export const hubKernel = (
  { plugins, log }: Pick<HubOptions, 'plugins' | 'log'>,
  clock: Clock,
  slowTap: (plugin: string, hook: string, ms: number) => void,
) =>
  createKernel({
    tree: hubHooks,
    side: 'hub',
    otherHalf: agentHooks,
    plugins: plugins.map(({ plugin }) => plugin),
    configs: Object.fromEntries(plugins.map(({ plugin, config }) => [plugin.name, config])),
    suggestions: standardProviders,
    checks: hubPartChecks,
    takes: hubPartTakes,
    slowTap,
    log,
    clock,
  })

/** Fastify with every route of the hub's own host. */
function apiServer(rooms: Rooms): Web {
  const { certificates, config, kernel, publicNames, signIn } = rooms
  return createApiServer({
    ...rooms,
    routes: [
      ...rooms.locks.routes,
      ...rooms.tunnel.routes,
      pageAssets(rooms.pages),
      ...kernel.slot(webRoutes),
      signIn.missingPages,
    ],
    identify: createCallerLookup(rooms),
    botOf: (user) => rooms.callers.bots().flatMap((entry) => entry.find(user) ?? [])[0],
    hsts: !certificates.development,
    version: rooms.hubVersion,
    signInUrl: (path) => {
      const state = signIn.desk.seal({ appHost: null, path, nonceHash: null })
      return `${publicNames.signInOrigin}/web/login?state=${state}`
    },
    renderError: signIn.renderError,
    limits: config.proxy.limits,
  })
}

const guardedProtocols = ({ kernel, log }: Rooms) =>
  kernel.slot(protocols).map((protocol) => guardProtocol(protocol, kernel.providerOf(protocol), log))

/** HTTP from browsers: the hub's own host and the hosts of apps. */
function browserServer(rooms: Rooms, own: Pick<BrowserServerOptions, 'web' | 'paths'>): BrowserServer {
  const { audit, config, counts } = rooms
  return createBrowserServer({
    ...rooms,
    ...own,
    protocols: guardedProtocols(rooms),
    refusalPage: refusalPageOf(rooms.publicNames),
    limits: config.proxy.limits,
    refused: ({ clientIp, problem: { status, code }, requestId, record: type }) => {
      counts.refusedRequest(status, code)
      const fields = { app: null, ...(type === 'request.failed' && { status }) }
      if (type !== null) audit.record({ type, success: false, reason: code, clientIp, requestId, fields })
    },
  })
}

/** The public port, and what takes its connections. */
function publicListener(rooms: Rooms, browsers: BrowserServer, group?: GroupMember): Listener {
  const { config, counts, joins, kernel, sessions, store, tunnel } = rooms
  const { proxy } = config
  return createListener({
    ...rooms,
    listenAddr: group
      ? internalListenAddress(proxy, store.localAddress(), group.index)
      : formatAddress(proxy.listen_addr),
    group,
    trustedProxies: proxy.trusted_proxies,
    proxyProtocol: proxy.proxy_protocol,
    protocols: guardedProtocols(rooms),
    browsers: browsers.accept,
    plainHttp: browsers.refusePlainHttp,
    counted: counts.connection,
    sessionAddresses: () => sessions.list().map(({ clientIp }) => clientIp),
    mezite: {
      [TUNNEL_ALPN]: tunnel.acceptTunnel,
      [JOIN_ALPN]: joins.accept,
      ...(tunnel.relay && { [RELAY_ALPN]: tunnel.relay.accept }),
    },
    alpnTransport: kernel.slot(transports).find(({ alpn }) => alpn)?.name ?? null,
    limits: proxy.limits,
  })
}
