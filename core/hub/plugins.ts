import { access, locks } from '../api/access.ts'
import { administration } from '../api/administration.ts'
import { audit } from '../api/audit.ts'
import { catalog } from '../api/catalog.ts'
import { authorities } from '../api/certificate-authorities.ts'
import { database, databaseServer } from '../api/database.ts'
import { explanations } from '../api/explanations.ts'
import { grants } from '../api/grants.ts'
import { httpHooks } from '../api/hub-hooks.ts'
import { hubState } from '../api/hub-state.ts'
import { jobs } from '../api/jobs.ts'
import { metrics } from '../api/metrics.ts'
import { pages } from '../api/pages.ts'
import { proxyLimits } from '../api/proxy-limits.ts'
import { revisions } from '../api/revisions.ts'
import { secretBox } from '../api/secret-box.ts'
import { sessions } from '../api/sessions.ts'
import { signInDesk } from '../api/sign-in.ts'
import { tunnel } from '../api/tunnel.ts'
import { users } from '../api/users.ts'
import { publicNames } from '../api/web-routes.ts'
import type { Received } from '../kernel/reference.ts'

/** Plugins that load without configuration; each is `@mezite/plugin-<name>` and can be set to false under `plugins:`. */
export const standardPlugins: readonly string[] = [
  'access-requests',
  'acme',
  'admin-api',
  'api-tokens',
  'app-proposals',
  'audit-database',
  'authorization-server',
  'backup',
  'bots',
  'cli-login',
  'dashboard',
  'docs',
  'http-apps',
  'identity-jwt',
  'metrics',
  'notifications',
  'notifiers',
  'oidc',
  'rbac',
  'sign-in',
  'tcp-apps',
  'transport-http2',
  'transport-websocket',
  'transport-webtransport',
  'user-certs',
  'web-api',
  'webauthn',
]

/** The standard plugin that provides a service, for the error about a missing service. */
export const standardProviders: Readonly<Record<string, string>> = {
  assertion: 'identity-jwt',
  attention: 'admin-api',
  botLogins: 'bots',
  commandLogins: 'cli-login',
  confirmations: 'webauthn',
  sessionLimits: 'rbac',
}

/** The services that the hub itself provides to plugins. */
export const hubServices = {
  access,
  administration,
  audit,
  authorities,
  catalog,
  database,
  databaseServer,
  explanations,
  grants,
  httpHooks,
  hubState,
  jobs,
  locks,
  metrics,
  pages,
  proxyLimits,
  publicNames,
  revisions,
  secretBox,
  sessions,
  signInDesk,
  tunnel,
  users,
}

/** One part for each of `hubServices`. */
export type HubServices = { readonly [K in keyof typeof hubServices]: Received<(typeof hubServices)[K]> }
