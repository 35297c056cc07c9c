import { runTogether } from './together.ts'

/**
 * Tests of rooms and plugins on a database of their own share a process, like those in `quick.test.ts` and under the same
 * conditions: loading the sources takes longer than most of them do.
 */
await runTogether(import.meta.url, [
  './api/collection.test.ts',
  './state/jobs/jobs.test.ts',
  './gate/sessions/session-activity.test.ts',
  './gate/access/access-request.test.ts',
  './gate/access/decisions.test.ts',
  './gate/access/grants.test.ts',
  './gate/access/locks.test.ts',
  './gate/catalog/catalog.test.ts',
  './state/database/two-hubs.test.ts',
  './gate/pki/certificate-authorities.test.ts',
  './state/secrets/secret-box.test.ts',
  './gate/sessions/lifetimes.test.ts',
  './gate/sessions/session-ticket.test.ts',
  './gate/sessions/sessions.test.ts',
  './plugins/sign-in/app-launch.test.ts',
  './plugins/sign-in/session-page.test.ts',
  './plugins/sign-in/session-renewal.test.ts',
  './traffic/tunnel/client-ip.test.ts',
  './gate/users/users.test.ts',
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
