import { audit, defineHubPlugin, publicNames, sessions, webRoutes } from '@mezite/core'
import { authorities, commandLogins } from '@mezite/core/protocol'
import { certificateRoute } from './certificate-route.ts'

export default defineHubPlugin({
  name: 'user-certs',
  api: 1,
  summary: 'Issues certificates to people for msh',
  needs: { audit, authorities, commandLogins, publicNames, sessions },
  provides: { webRoutes },
  setup({ clock, log, use, provide }) {
    provide.webRoutes(certificateRoute({ ...use, clock, log }))
  },
})
