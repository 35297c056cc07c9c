import { runTogether } from './together.ts'

/**
 * Tests of rooms and plugins on a database of their own share a process, like those in `quick.test.ts` and under the same
 * conditions: loading the sources takes longer than most of them do.
 */
await runTogether(import.meta.url, [
  './api/collection.test.ts',
  './state/jobs/jobs.test.ts',
  './cluster/session-activity.test.ts',
  './hub/access/access-request.test.ts',
  './hub/access/decisions.test.ts',
  './hub/access/grants.test.ts',
  './hub/access/locks.test.ts',
  './hub/catalog/catalog.test.ts',
  './state/database/two-hubs.test.ts',
  './hub/pki/certificate-authorities.test.ts',
  './state/secrets/secret-box.test.ts',
  './hub/sessions/lifetimes.test.ts',
  './hub/sessions/session-ticket.test.ts',
  './hub/sessions/sessions.test.ts',
  './plugins/sign-in/app-launch.test.ts',
  './plugins/sign-in/session-page.test.ts',
  './plugins/sign-in/session-renewal.test.ts',
  './hub/tunnel/client-ip.test.ts',
  './hub/users/users.test.ts',
  './plugins/backup/read-rows.test.ts',
  './plugins/cli-login/command-logins.test.ts',
  './plugins/dashboard/traffic.test.ts',
  './plugins/identity-jwt/key-rotation.test.ts',
  './plugins/oidc/backchannel.test.ts',
  './plugins/oidc/connectors.test.ts',
  './plugins/oidc/spent-and-logins.test.ts',
  './plugins/rbac/decide.test.ts',
  './plugins/rbac/roles.test.ts',
  './plugins/spent.test.ts',
  './plugins/tcp-apps/cut-off-hub.test.ts',
  './plugins/web-api/routes.test.ts',
  './plugins/webauthn/ceremonies.test.ts',
  './plugins/webauthn/passkeys.test.ts',
  './testing/access-suites.test.ts',
  './testing/part-suites.test.ts',
])
