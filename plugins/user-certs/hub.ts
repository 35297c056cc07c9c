import type { X509Certificate } from 'node:crypto'
import { audit, credentials, defineHubPlugin, publicNames, sessions, webRoutes } from '@mezite/core'
import { authorities, botLogins, commandLogins } from '@mezite/core/identity'
import { certificateRoute } from './certificate-route.ts'
import { reasons } from './reasons.ts'
import { readUserCertificate } from './user-certificate.ts'

export default defineHubPlugin({
  name: 'user-certs',
  api: 1,
  summary: 'Issues certificates to people for msh',
  needs: { audit, authorities, commandLogins, publicNames, sessions },
  wants: { botLogins },
  provides: { credentials, webRoutes },
  reasons,
  setup({ clock, log, use, provide }) {
    const { clusterName } = use.publicNames
    const issuerOf = (certificate: X509Certificate) => use.authorities.issuerOf('user-ca', certificate)
    provide.credentials({
      name: 'user-certificate',
      from: 'certificate',
      read: (certificate) => readUserCertificate(certificate, clusterName, clock.now(), issuerOf),
    })
    provide.webRoutes(certificateRoute({ ...use, clock, log }))
  },
})
