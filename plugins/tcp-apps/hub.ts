import {
  access,
  audit,
  catalog,
  certifiedHttp,
  changes,
  database,
  defineHubPlugin,
  migrations,
  protocols,
  publicNames,
  sessions,
  tunnel,
} from '@mezite/core'
import { tcpAppsMigrations } from './migrations.ts'
import { createOpenConnections } from './open-connections.ts'
import { TcpApps } from './tcp-apps.ts'

export default defineHubPlugin({
  name: 'tcp-apps',
  api: 1,
  summary: 'Publishes TCP applications to msh',
  needs: { access, audit, catalog, changes, database, publicNames, sessions, tunnel },
  wants: { certifiedHttp },
  provides: { migrations, protocols },

  setup({ clock, log, tap, use, provide }) {
    const open = createOpenConnections({ ...use, clock, log })
    const protocol = new TcpApps({ ...use, open, clock, log })
    tap.lifecycle.start(() => {
      open.start()
      protocol.start()
    })
    tap.session.ended(({ session, reason }) => protocol.ended(session.id, reason))
    tap.lifecycle.stop(async () => {
      protocol.stop()
      await open.stop()
    })
    provide.migrations(tcpAppsMigrations)
    provide.protocols(protocol)
  },
})
