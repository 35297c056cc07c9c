import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import { apiTokens } from '../api/api-tokens.ts'
import { diagnosticsRoutes } from '../api/diagnostics.ts'
import { hubHooks } from '../api/hub-hooks.ts'
import { type CertifiedHttp, certifiedHttp, protocols } from '../api/protocol.ts'
import { transports } from '../api/transport.ts'
import { webRoutes } from '../api/web-routes.ts'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/error.ts'
import { createKernel } from '../kernel/kernel.ts'
import { createLifetime, type Drainable, type Lifetime } from '../kernel/lifetime.ts'
import type { Log } from '../kernel/log.ts'
import type { LoadedPlugin } from '../loader/plugin-loader.ts'
import { createDiagnosticsListener, healthRoute } from '../log/diagnostics-listener.ts'
import { JOIN_ALPN, TUNNEL_ALPN } from '../wire/tunnel-protocol.ts'
import { createCallerLookup } from './access/caller.ts'
import { explanationRoutes } from './access/explanation.ts'
import { lockRoutes } from './access/lock-routes.ts'
import { createApiServer } from './api-server/api-server.ts'
import { createAttention } from './api-server/attention.ts'
import { createHubMetrics } from './api-server/hub-metrics.ts'
import { readinessChecks, readinessRoute } from './api-server/readiness-route.ts'
import { statusParts, statusRoutes } from './api-server/status-routes.ts'
import { appRoutes, appSchemaRoutes } from './catalog/app-routes.ts'
import { version } from './cli.ts'
import { ownAddress } from './cluster/peers.ts'
import { formatAddress } from './config/address.ts'
import type { HubConfig } from './config/hub-config.ts'
import { tokenRoutes } from './enrolment/join-token-routes.ts'
import { createBrowserServer } from './http/browser-server.ts'
import { transportPaths } from './http/transport-paths.ts'
import { createListener } from './listener/listener.ts'
import { createRedirectServer } from './listener/redirect-server.ts'
import { authorityRoutes } from './pki/authority-routes.ts'
import { hubPartChecks, hubServices, standardProviders } from './plugins.ts'
import { openRooms, startRooms } from './rooms.ts'
import { sessionRoutes } from './sessions/session-routes.ts'
import { openTransports } from './tunnel/transports.ts'
import { userRoutes } from './users/user-routes.ts'

/** The inputs of a hub. */
export interface HubOptions {
  readonly config: HubConfig
  readonly plugins: readonly LoadedPlugin[]
  readonly log: Log
  readonly clock?: Clock
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

async function open(options: HubOptions, onClose: (closer: () => unknown) => void): Promise<OpenHub> {
  const { config, plugins, log, clock = systemClock } = options
  const { publicNames, clusterName, dataDir } = config
  const instanceId = uuidv7()
  const hubVersion = await version()
  let state: 'starting' | 'ready' | 'draining' = 'starting'
  const kernel = createKernel({
    tree: hubHooks,
    side: 'hub',
    plugins: plugins.map(({ plugin }) => plugin),
    configs: Object.fromEntries(plugins.map(({ plugin, config }) => [plugin.name, config])),
    suggestions: standardProviders,
    checks: hubPartChecks,
    log,
    clock,
  })
  const counts = createHubMetrics({ version: hubVersion, log })
  const roomsOptions = { config, instanceId, hubVersion, kernel, counts, clock, log, onClose }
  const rooms = await openRooms(roomsOptions)
  const {
    services,
    store,
    certificates,
    revisions,
    authorities,
    audit,
    catalog,
    users,
    locks,
    requirements,
  } = rooms
  const { sessions, joins, tunnel, registry, peers, cuts, activity, pages, signIn, explain } = rooms
  const provided = Object.entries(hubServices).map(
    ([name, ref]) => [ref, services[name as keyof typeof services]] as const,
  )

  const attention = createAttention(rooms, instanceId, clock)
  kernel.tap('the status').tunnel.changed(attention.changed)
  kernel.tap('the public port').lifecycle.drain((signal) => front.drain(signal))
  kernel.tap('browsers').lifecycle.drain((signal) => browsers.drain(signal))
  kernel.tap('the routes of the hub').lifecycle.drain((signal) => web.drain(signal))
  const certified: CertifiedHttp = { accept: (stream, info) => browsers.accept(stream, info) }
  kernel.setup([...provided, [certifiedHttp, certified]])
  await startRooms(rooms, roomsOptions)
  onClose(() => kernel.stop())
  // Runs before plugins stop, so that audit events still reach their sinks.
  onClose(() => audit.close())
  onClose(() => tunnel.close())
  onClose(() => joins.close())
  await kernel.start()
  const offered = tunnel.offer(kernel.slot(transports))

  const speaking = kernel.slot(protocols)
  const web = createApiServer({
    publicNames,
    routes: [
      statusRoutes({
        parts: statusParts({
          cluster: clusterName,
          version: hubVersion,
          registry,
          tunnel,
          catalog,
          sessions,
          attention: attention.list,
          ...{ certificates, authorities, revisions, audit },
        }),
        plugins: () => kernel.describe(),
        log,
      }),
      appRoutes({ catalog, tunnel, sessions, publicNames }),
      appSchemaRoutes,
      userRoutes({ users, sessions }),
      sessionRoutes({ sessions, catalog, activity, requirements }),
      lockRoutes({ locks }),
      explanationRoutes(explain),
      tokenRoutes({
        tokens: rooms.joinTokens,
        pin: authorities.pin,
        publicAddr: formatAddress(config.proxy.publicAddr),
        clock,
      }),
      tunnel.routes,
      authorityRoutes({ authorities, waiting: tunnel.waiting, sessions, clock }),
      ...signIn.webRoutes,
      ...kernel.slot(webRoutes),
    ],
    identify: createCallerLookup({ apiTokens: () => kernel.service(apiTokens), sessions, locks }),
    revisions,
    hsts: !certificates.development,
    version: hubVersion,
    signInUrl: (path) => {
      const state = signIn.desk.seal({ appHost: null, path, nonceHash: null })
      return `${publicNames.signInOrigin}/web/login?state=${state}`
    },
    renderError: signIn.renderError,
    audit,
    cuts,
    limits: config.proxy.limits,
    log,
    clock,
  })
  await web.start()
  onClose(() => web.close())
  const browsers = createBrowserServer({
    publicNames,
    pages,
    paths: transportPaths(offered, (carrier, from) => front.deliver(carrier, from)),
    protocols: speaking,
    web: web.serve,
    limits: config.proxy.limits,
    refused: ({ clientIp, problem: { status, code }, requestId, record: type }) => {
      counts.refusedRequest(status, code)
      const fields = { app: null, ...(type === 'request.failed' && { status }) }
      if (type !== null) audit.record({ type, success: false, reason: code, clientIp, requestId, fields })
    },
    clock,
    log,
  })
  onClose(() => browsers.close())

  const front = createListener({
    listenAddr: formatAddress(config.proxy.listen),
    certificates,
    authorities,
    trustedProxies: config.proxy.trustedProxies,
    proxyProtocol: config.proxy.proxyProtocol,
    protocols: speaking,
    browsers: browsers.accept,
    plainHttp: browsers.refusePlainHttp,
    counted: counts.connection,
    sessionAddresses: () => sessions.list().map(({ clientIp }) => clientIp),
    ...(peers ? { peers } : {}),
    mezite: { [TUNNEL_ALPN]: tunnel.acceptTunnel, [JOIN_ALPN]: joins.accept },
    alpnTransport: kernel.slot(transports).find(({ alpn }) => alpn)?.name ?? null,
    limits: config.proxy.limits,
    clock,
    log,
  })
  onClose(() => front.close())
  counts.watch({ audit, certificates, catalog, revisions, front, registry, sessions, store, tunnel })
  const diagnostics = createDiagnosticsListener({
    listenAddr: formatAddress(config.diagnostics.listen),
    routes: [
      healthRoute,
      readinessRoute({ state: () => state, checks: readinessChecks({ store, revisions, audit }) }),
      ...kernel.slot(diagnosticsRoutes),
    ],
    log,
  })
  onClose(() => diagnostics.close())
  const [{ port }, { port: diagnosticsPort }] = await Promise.all([front.listen(), diagnostics.listen()])
  const { redirectListen, shutdownDelayMs } = config.proxy
  if (redirectListen) {
    const redirect = createRedirectServer(formatAddress(redirectListen), browsers.router.originOf)
    onClose(() => redirect.close())
    await redirect.listen()
  }
  await openTransports(offered, front.deliver)
  await web.listenSocket(join(dataDir, 'admin.sock'))
  await kernel.ready()
  await registry.announce(ownAddress(config.proxy, port, store.localAddress()))
  state = 'ready'
  log.info({ port, instance: instanceId, version: hubVersion }, `ready at ${publicNames.hubOrigin}`)

  return {
    ports: { public: port, diagnostics: diagnosticsPort },
    async drain() {
      state = 'draining'
      // Until balancers notice /readyz, the hub serves their clients and closes each connection with its response.
      browsers.announceShutdown()
      await pause(shutdownDelayMs)
      // Agents stop connecting to this hub, and other hubs stop sending their agents here.
      void registry
        .announce(null)
        .catch((error) => log.debug({ cause: messageOf(error) }, 'hub deregistration failed'))
      await front.stopAccepting()
      const grace = AbortSignal.timeout(config.shutdownGraceMs)
      await kernel.drain(grace, config.shutdownGraceMs + CLOSE_MS)
      await tunnel.drain(AbortSignal.timeout(CLOSE_MS))
    },
  }
}
