import type { Server } from 'node:net'
import { join } from 'node:path'
import { formatAddress } from '../api/address.ts'
import { changeHolds } from '../api/change-holds.ts'
import { confirmations } from '../api/confirmations.ts'
import { dashboardParts } from '../api/dashboard.ts'
import { type DiagnosticsRoute, diagnosticsRoutes } from '../api/diagnostics.ts'
import { protocols } from '../api/protocol.ts'
import { sessionLimits } from '../api/session-limits.ts'
import { transports } from '../api/transport.ts'
import { webRoutes } from '../api/web-routes.ts'
import { createDiagnosticsListener, healthRoute } from '../base/log/diagnostics-listener.ts'
import { clientCasOf } from '../gate/access/verification.ts'
import { createBrowserServer } from '../traffic/http/browser-server.ts'
import { transportPaths } from '../traffic/http/transport-paths.ts'
import { createListener } from '../traffic/listener/listener.ts'
import { guardProtocol } from '../traffic/listener/protocol-guard.ts'
import { listenOn } from '../traffic/listener/public-port.ts'
import { openTransports } from '../traffic/tunnel/transports.ts'
import { refusalPageOf } from '../web/pages/error-pages.ts'
import { createCallerLookup } from '../web/server/caller.ts'
import { pageAssets } from '../web/server/page-assets.ts'
import { readinessChecks, readinessRoute } from '../web/server/readiness-route.ts'
import { createWebServer } from '../web/server/web-server.ts'
import { JOIN_ALPN, RELAY_ALPN, TUNNEL_ALPN } from '../wire/tunnel-protocol.ts'
import { internalListenAddress } from './own-address.ts'
import { type Given, room } from './room.ts'

/** Listens on the socket that the processes of the group share, instead of an address. */
const inherited = ({ group }: Pick<Given, 'group'>, key: string) => {
  const handle = group?.sockets.get(key)
  return handle && ((server: Server) => listenOn(server, handle))
}

const guardedProtocols = ({ kernel, log }: Pick<Given, 'kernel' | 'log'>) =>
  kernel.slot(protocols).map((protocol) => guardProtocol(protocol, kernel.providerOf(protocol), log))

/** What connections reach, made once the plugins are set up. */
export const doors = {
  offered: room({
    needs: ['plugged', 'tunnel'],
    make: ({ kernel, tunnel }) => tunnel.offer(kernel.slot(transports)),
  }),
  web: room({
    needs: [
      ...(['accounts', 'adminRights', 'audit', 'callers', 'certificates', 'cuts', 'grants'] as const),
      ...(['locks', 'pages', 'plugged', 'revisions', 'sessions', 'signIn', 'tunnel'] as const),
    ],
    make(rooms) {
      const { certificates, config, kernel, publicNames, signIn } = rooms
      const rolesHeld = (user: string) => [
        ...rooms.accounts.rolesOf(user),
        ...rooms.grants.service.list(user).map(({ role }) => role),
      ]
      return createWebServer({
        ...rooms,
        routes: [
          rooms.locks.routes,
          rooms.tunnel.routes,
          pageAssets(rooms.pages),
          ...kernel.slot(webRoutes),
          signIn.missingPages,
        ],
        identify: createCallerLookup(rooms),
        rolesHeld,
        rolesOfHolders: (role) =>
          [...rooms.accounts.names()].map(rolesHeld).flatMap((held) => (held.includes(role) ? held : [])),
        botOf: (user) => rooms.callers.bots().flatMap((entry) => entry.find(user) ?? [])[0],
        confirmation: {
          msFor: (roles) => kernel.service(sessionLimits)?.confirmMs?.(roles) ?? 0,
          pathOf: (session) => kernel.service(confirmations)?.pathOf(session) ?? null,
        },
        holds: kernel.slot(changeHolds),
        declare: (rights, ...routes) =>
          rooms.adminRights.declare(
            [...rights, ...kernel.slot(dashboardParts).map(({ right }) => right)],
            ...routes,
          ),
        hsts: () => !certificates.development,
        version: rooms.hubVersion,
        signInUrl: (path) => {
          const state = signIn.desk.seal({ appHost: null, path, nonceHash: null })
          return `${publicNames.signInOrigin}/web/login?state=${state}`
        },
        renderError: signIn.renderError,
        limits: config.proxy.limits,
      })
    },
    start: (web) => web.start(),
    stop: (web) => web.close(),
  }),
  browsers: room({
    needs: ['audit', 'carriers', 'offered', 'pages', 'web'],
    later: ['listener'],
    make(rooms) {
      const { audit, config, counts, offered, publicNames, web } = rooms
      return createBrowserServer({
        ...rooms,
        web: web.serve,
        paths: transportPaths(
          offered,
          rooms,
          (carrier, from) => rooms.listener.deliver(carrier, from),
          (clientIp, close) => rooms.listener.opening(clientIp, close),
        ),
        protocols: guardedProtocols(rooms),
        refusalPage: refusalPageOf(publicNames, rooms.pages.reasonOf),
        limits: config.proxy.limits,
        refused: ({ clientIp, problem: { status, code }, requestId, record: type }) => {
          counts.refusedRequest(status, code)
          const fields = { app: null, ...(type === 'request.failed' && { status }) }
          if (type !== null) audit.record({ type, success: false, reason: code, clientIp, requestId, fields })
        },
      })
    },
    stop: (browsers) => browsers.close(),
  }),
  listener: room({
    needs: ['authorities', 'browsers', 'catalog', 'certificates', 'joins', 'peers', 'sessions', 'tunnel'],
    make(rooms) {
      const { browsers, catalog, config, counts, group, joins, kernel, sessions, store, tunnel } = rooms
      const { proxy } = config
      return createListener({
        ...rooms,
        listenAddr: group
          ? internalListenAddress(proxy, store.localAddress(), group.index)
          : formatAddress(proxy.listen_addr),
        trustedProxies: proxy.trusted_proxies,
        proxyProtocol: proxy.proxy_protocol,
        protocols: guardedProtocols(rooms),
        browsers: browsers.accept,
        clientCas: (serverName) => clientCasOf(catalog.byHost(serverName), rooms),
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
    },
    start: async (listener, { ports }) => {
      ports.public = (await listener.listen()).port
    },
    stop: (listener) => listener.close(),
  }),
  diagnostics: room({
    needs: ['audit', 'plugged', 'revisions'],
    after: { listener: 'a hub that cannot serve people does not answer for itself' },
    make(rooms) {
      const { config, group, kernel, log, phase } = rooms
      const routes: readonly DiagnosticsRoute[] = [
        healthRoute,
        readinessRoute({ state: () => phase.now, checks: readinessChecks(rooms) }),
        ...kernel.slot(diagnosticsRoutes),
      ]
      for (const route of routes)
        group?.answer(route.path, (query) => route.contribute?.(new URLSearchParams(query)))
      return createDiagnosticsListener({
        ...{ listenAddr: formatAddress(config.diagnostics.listen_addr), routes, log },
        ...(group && { contributions: group.ask }),
      })
    },
    start: async (diagnostics, rooms) => {
      const { port } = await diagnostics.listen(inherited(rooms, 'diagnostics.listen_addr'))
      rooms.ports.diagnostics = port
    },
    stop: (diagnostics) => diagnostics.close(),
  }),
  redirect: room({
    needs: ['browsers', 'certificates'],
    after: { diagnostics: 'the last of the ports, as it only leads to the first' },
    make: ({ browsers, certificates, config: { proxy }, parts }) =>
      proxy.redirect_addr
        ? parts.redirectServer(
            formatAddress(proxy.redirect_addr),
            browsers.router.originOf,
            certificates.httpChallenge,
          )
        : null,
    start: (redirect, rooms) => redirect?.listen(inherited(rooms, 'proxy.redirect_addr')),
    stop: (redirect) => redirect?.close(),
  }),
  outside: room({
    needs: ['listener', 'offered'],
    make: () => null,
    start: (_, { listener, offered }) => openTransports(offered, listener.deliver),
  }),
  adminSocket: room({
    needs: ['web'],
    after: { outside: 'operators find a hub that serves' },
    make: () => null,
    start: (_, rooms) =>
      rooms.web.listenSocket(inherited(rooms, 'admin.sock') ?? join(rooms.config.data_dir, 'admin.sock')),
  }),
}
