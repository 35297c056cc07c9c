import { runTogether } from './together.ts'

/** Tests of plugins that start a hub each, in one process for the reason that `hubs.test.ts` gives. */
await runTogether(import.meta.url, [
  './plugins/access-requests/commands.test.ts',
  './plugins/access-requests/requests.test.ts',
  './plugins/api-tokens/api-token-changes.test.ts',
  './plugins/api-tokens/api-tokens.test.ts',
  './plugins/app-proposals/proposals.test.ts',
  './plugins/audit-database/tail-ends.test.ts',
  './plugins/audit-database/verification.test.ts',
  './plugins/bots/bots.test.ts',
  './plugins/dashboard/api-types.test.ts',
  './plugins/dashboard/event-streams.test.ts',
  './plugins/identity-jwt/assertion.test.ts',
  './plugins/metrics/metrics.test.ts',
  './plugins/notifications/notifications.test.ts',
  './plugins/notifiers/notifiers.test.ts',
  './plugins/rbac/preview.test.ts',
  './plugins/web-api/switched-off.test.ts',
  './plugins/tcp-apps/admission.test.ts',
  './plugins/tcp-apps/http-streams.test.ts',
  './plugins/tcp-apps/limits.test.ts',
  './plugins/tcp-apps/refusals.test.ts',
])
