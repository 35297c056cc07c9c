import { catalog, defineHubPlugin, publicNames, webRoutes } from '@mezite/core'
import { attention, explanations, findings, hubState } from '@mezite/core/administration'
import { createAttention } from './attention.ts'
import { explanationRoutes } from './explanation-route.ts'
import { combinedParts, statusParts, statusRoutes } from './status-routes.ts'
import { whoAndWhatRoutes } from './who-and-what.ts'

/** What administrators ask of a running hub: its status, what needs attention, and why access is given or denied. */
export default defineHubPlugin({
  name: 'admin-api',
  api: 1,
  summary: 'Serves the status of the cluster and the explanation of decisions',
  needs: { catalog, explanations, hubState, publicNames },
  wants: { findings },
  provides: { attention, webRoutes },
  setup({ clock, log, tap, use, provide }) {
    const { catalog, explanations, hubState } = use
    const problems = createAttention({ catalog, hubState, clock, findings: use.findings })
    tap.tunnel.changed(problems.changed)
    provide.attention({ list: problems.list })
    const { clusterName } = use.publicNames
    const parts = statusParts({ clusterName, catalog, attention: problems, hubState })
    const others = hubState.share('status', () => combinedParts(parts))
    provide.webRoutes(
      statusRoutes({ parts, others, plugins: hubState.plugins, hubParts: hubState.parts, log }),
    )
    provide.webRoutes(explanationRoutes(explanations))
    provide.webRoutes(whoAndWhatRoutes({ explanations, catalog }))
  },
})
