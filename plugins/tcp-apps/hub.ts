import {
  audit,
  catalog,
  database,
  defineHubPlugin,
  metrics,
  migrations,
  publicNames,
  revisions,
  sessions,
} from '@mezite/core'
import { authorities } from '@mezite/core/identity'
import { access, appKinds, certifiedHttp, createOverload, protocols, tunnel } from '@mezite/core/protocol'
import { TcpAppsConfig } from './deps.ts'
import { tcpAppsMigrations } from './migrations.ts'
import { createOpenConnections } from './open-connections.ts'
import { TcpApps } from './protocol.ts'
import { reasons } from './reasons.ts'

export default defineHubPlugin({
  name: 'tcp-apps',
  api: 1,
  summary: 'Publishes TCP applications to msh',
  config: TcpAppsConfig,
  needs: { access, audit, authorities, catalog, metrics, revisions, database, publicNames, sessions, tunnel },
  wants: { certifiedHttp },
  provides: { appKinds, migrations, protocols },

  reasons,
  setup({ config, clock, log, tap, use, provide }) {
    const open = createOpenConnections({ ...use, clock, log })
    const load = createOverload({
      perPerson: config.connections_per_person,
      perApp: config.connections_per_app,
    })
    const ended = use.metrics.counter('mezite_tcp_connections_total', 'Connections to TCP apps, at their end')
    const counts = { ended, ...use.metrics.traffic('tcp') }
    const protocol = new TcpApps({ ...use, settings: config, load, open, counts, clock, log })
    tap.lifecycle.start(() => {
      open.start()
      protocol.start()
    })
    use.revisions.onApplied(() => protocol.checkAuthorities())
    tap.session.ended(({ session, reason }) => protocol.ended(session.id, reason))
    tap.lifecycle.stop(async () => {
      protocol.stop()
      await open.stop()
    })
    // A connection carries bytes, so it also reaches apps that speak HTTP.
    provide.appKinds({ name: 'tcp', schemes: ['tcp', 'http', 'https'], servedByHub: false })
    provide.migrations(tcpAppsMigrations)
    provide.protocols(protocol)
  },
})
