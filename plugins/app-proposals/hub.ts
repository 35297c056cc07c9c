import {
  catalog,
  dashboardParts,
  database,
  defineHubPlugin,
  jobs,
  migrations,
  revisions,
  webRoutes,
} from '@mezite/core'
import { tunnel } from '@mezite/core/protocol'
import { createDesk } from './desk.ts'
import { proposalMigrations } from './migrations.ts'
import { proposalsPage } from './page.ts'
import { createProposals } from './proposals.ts'
import { reasons } from './reasons.ts'
import { proposalRoutes } from './routes.ts'
import { sourceResource } from './sources.ts'

const INTERVAL_MS = 10 * 60_000

/** Apps that agents propose. README.md says who may, and how they are accepted. */
export default defineHubPlugin({
  name: 'app-proposals',
  api: 1,
  summary: 'Keeps apps that agents propose until somebody accepts them',
  needs: { catalog, database, jobs, revisions, tunnel },
  provides: { dashboardParts, migrations, webRoutes },
  reasons,
  setup({ clock, log, tap, use, provide }) {
    const resource = sourceResource(() => job.runSoon())
    const sources = resource.open({ revisions: use.revisions, log, clock })
    const proposals = createProposals(use.database, use.revisions)
    const desk = createDesk({ ...use, proposals, sources: () => sources.items.values(), clock, log })
    const job = use.jobs.add({ name: 'app-proposals', everyMs: INTERVAL_MS, run: desk.run })
    tap.tunnel.proposed((event) => {
      desk.heard(event)
      job.runSoon()
    })
    tap.tunnel.changed(({ hostname, connected }) => {
      if (!connected) desk.gone(hostname)
    })
    provide.migrations(proposalMigrations)
    provide.webRoutes(resource.routes(sources))
    provide.webRoutes(proposalRoutes(proposals, desk))
    provide.dashboardParts(proposalsPage(proposals))
  },
})
