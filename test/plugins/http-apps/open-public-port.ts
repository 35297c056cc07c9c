import type { WebRoutes } from '@mezite/core'
import type { ListenerOptions } from '../../../core/traffic/listener/listener.ts'
import { names, startWeb } from '../../web/server/start-web.ts'
import { openByteApp } from './byte-app.ts'
import { appAt, openGateway } from './gateway.ts'

export const APP_HOST = 'a.apps.mezite.localhost'
export const HUB_HOST = 'hub.mezite.localhost'

export type Answer = Parameters<typeof openByteApp>[0]

const answerAll: Answer = (request) =>
  `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${request.startsWith('HEAD ') ? '' : 'ok'}`

/**
 * The whole public port: front, the hub's own host and apps' hosts, with an application behind it that logs the exact
 * bytes that it receives, and no database. Below `/open/` the hub answers everybody.
 */
export async function openPublicPort(
  front: Pick<ListenerOptions, 'trustedProxies' | 'proxyProtocol'> = {},
  answer = answerAll,
  lane: 'lane' | 'no lane' = 'lane',
) {
  const app = await openByteApp(answer)
  const gateway = await openGateway(
    appAt(app.port, { publicAddr: APP_HOST }),
    { ...names, hsts: true },
    {},
    lane,
  )
  const served: string[] = []
  const open: WebRoutes = {
    name: 'open',
    prefix: '/open',
    async routes(web) {
      web.route({
        method: ['GET', 'POST', 'DELETE', 'TRACE'] as never,
        url: '/:id',
        config: { access: 'public', callsPerMinute: 100_000 },
        handler: async ({ method, url }) => {
          served.push(`${method} ${url}`)
          return {}
        },
      })
    },
  }
  const hub = await startWeb([open], {}, { ...front, protocols: [gateway.protocol] })
  return {
    app,
    gateway,
    hub,
    port: hub.port,
    /** What the routes of the hub's own host were asked. */
    served,
    async close() {
      await gateway.close()
      await hub.stop()
      app.close()
    },
  }
}

export type PublicPort = Awaited<ReturnType<typeof openPublicPort>>
