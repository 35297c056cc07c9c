import { randomUUID } from 'node:crypto'
import {
  adminRights,
  catalog,
  dashboardParts,
  database,
  defineHubPlugin,
  homeLinks,
  jobs,
  migrations,
  pages,
  revisions,
  sessions,
  Type,
  users,
  webRoutes,
} from '@mezite/core'
import { createAssets } from './assets.ts'
import { eventRoutes } from './event-routes.ts'
import { createEventStreams } from './event-streams.ts'
import { adminPage, launcherPage } from './pages.ts'
import { partRoutes } from './part-routes.ts'
import type { Page, Panel, PersonPanel } from './parts.ts'
import { problemFor, reasons } from './reasons.ts'
import { createTraffic } from './traffic.ts'
import { trafficRoutes } from './traffic-routes.ts'
import { createTrafficStore, trafficMigrations } from './traffic-store.ts'

/** The launcher of signed-in people at `/`, and the administration below `/web/admin`. */
export default defineHubPlugin({
  name: 'dashboard',
  api: 1,
  summary: 'The launcher for people and the administration for operators',
  config: Type.Closed({}),
  needs: { adminRights, catalog, database, jobs, pages, revisions, sessions, users },
  wants: { dashboardParts },
  provides: { homeLinks, migrations, webRoutes },
  reasons,
  setup({ clock, log, tap, use, provide }) {
    const assets = createAssets()
    const streams = createEventStreams({ ...use, log })

    const store = createTrafficStore(use.database, randomUUID())
    const traffic = createTraffic({ sessions: use.sessions, store, clock, log })

    use.jobs.add({ name: 'dashboard-traffic-pruning', everyMs: 3_600_000, run: traffic.prune })

    tap.audit.recorded(traffic.count)
    tap.lifecycle.start(async () => {
      await assets.load()
      traffic.start()
    })
    tap.lifecycle.drain(streams.end)
    tap.lifecycle.stop(async () => {
      streams.end()
      await traffic.stop()
    })
    tap.tunnel.changed(({ hostname }) => streams.publish(new Map([['agent', new Set([hostname])]])))
    provide.homeLinks({
      ...{ title: 'Administration', titles: { de: 'Verwaltung' }, href: '/web/admin' },
      count: (person) => (use.adminRights.any(person) ? 0 : null),
    })
    provide.webRoutes(assets.webRoutes)
    provide.webRoutes(eventRoutes(streams))
    provide.migrations(trafficMigrations)
    provide.webRoutes(trafficRoutes(traffic))
    const pages = use.dashboardParts.filter((part): part is Page => part.kind === 'page')
    const panels = use.dashboardParts.filter((part): part is Panel => part.kind === 'panel')
    const personPanels = use.dashboardParts.filter(
      (part): part is PersonPanel => part.kind === 'person-panel',
    )
    const { languageOf } = use.pages
    const languageFor = (request: {
      readonly headers: { readonly 'accept-language'?: string | undefined }
    }) => languageOf(request.headers['accept-language'])
    const parts = {
      pages,
      panels,
      personPanels,
      languageOf,
      catalog: use.catalog,
      users: use.users,
      rights: use.adminRights,
      log,
    }
    provide.webRoutes(partRoutes(parts))
    provide.webRoutes({
      name: 'dashboard',
      prefix: '/web/admin',
      home: (reply, view) =>
        reply.page(
          use.pages.render({
            ...launcherPage(view, languageFor(reply.request)),
            ...assets.entry('launcher'),
          }),
        ),
      async routes(web) {
        for (const path of ['/', '/*']) {
          web.get(path, { config: { access: 'page' } }, async (request, reply) => {
            const { subject } = request
            if (!use.adminRights.any(subject)) throw problemFor('access_denied')
            return reply.page(
              use.pages.render({ ...adminPage(subject, languageFor(request)), ...assets.entry('admin') }),
            )
          })
        }
      },
    })
  },
})
