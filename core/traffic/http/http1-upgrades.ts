import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Problem } from '../../api/problem.ts'
import type { HostRoute } from './host-router.ts'
import type { HttpOptions } from './http-options.ts'
import type { Http1Connection } from './http1-connection.ts'
import type { Http1Refusals } from './http1-refusals.ts'
import { clientOf, refuseBytes } from './refusal.ts'
import { pathOf } from './transport-paths.ts'

/** Upgrades of HTTP/1.1: WebSockets of apps, and the paths of transports. A connection that is taken leaves `connections`. */
export function createHttp1Upgrades(
  { router, paths, app }: HttpOptions,
  connections: Map<Duplex, Http1Connection>,
  { note }: Pick<Http1Refusals, 'note'>,
) {
  /** Node.js asks whether to upgrade before it emits the request. */
  const routes = new WeakMap<IncomingMessage, HostRoute>()
  /** The transport that accepts upgrades at this route. */
  const transportAt = (route: HostRoute) =>
    route.kind === 'web' ? paths.get(pathOf(route.target))?.upgrade : undefined
  return {
    /** The route of a request that asked for an upgrade. */
    routeOf: (request: IncomingMessage): HostRoute | undefined => routes.get(request),
    /** Whether somebody takes this upgrade. */
    accepts(request: IncomingMessage): boolean {
      const connection = connections.get(request.socket)
      if (connection === undefined) return false
      const route = router.route(request, connection.info)
      routes.set(request, route)
      return route.kind === 'app' || transportAt(route) !== undefined
    },
    take(request: IncomingMessage, socket: Duplex, head: Buffer): void {
      const connection = connections.get(socket)
      const route = routes.get(request)
      if (connection === undefined || connection.busy || route === undefined) return void socket.destroy()
      if (route.kind === 'app') {
        connection.upgraded = true
        connection.headBy = Number.POSITIVE_INFINITY
        return void app?.upgrade(route, request, socket, head)
      }
      const take = transportAt(route)
      if (take === undefined || route.kind !== 'web') return void socket.destroy()
      // The tunnel drains this connection, after the browsers.
      connections.delete(socket)
      const refuse = (problem: Problem): void =>
        refuseBytes(socket, problem, note({ problem, record: null }, clientOf(request, connection.info)))
      take(request, socket, head, { route, info: connection.info, refuse })
    },
  }
}
