import { access } from '../api/access.ts'
import { audit } from '../api/audit.ts'
import { catalog } from '../api/catalog.ts'
import { authorities } from '../api/certificate-authorities.ts'
import { commandLogins } from '../api/command-logins.ts'
import { database } from '../api/database.ts'
import { forwardHeaders } from '../api/header-forwarding.ts'
import { metrics } from '../api/metrics.ts'
import { proxyLimits } from '../api/proxy-limits.ts'
import { revisions } from '../api/revisions.ts'
import { secretBox } from '../api/secret-box.ts'
import { sessions } from '../api/sessions.ts'
import { signInDesk } from '../api/sign-in.ts'
import { tunnel } from '../api/tunnel.ts'
import { users } from '../api/users.ts'
import { publicNames } from '../api/web-routes.ts'
import type { Received } from '../kernel/reference.ts'

/** Loaded without being named under `plugins:`; each is `@mezite/plugin-<name>` and can be set to false. */
export const standardPlugins: readonly string[] = [
  'audit-database',
  'http-apps',
  'identity-jwt',
  'metrics',
  'oidc',
  'rbac',
  'tcp-apps',
  'transport-http2',
  'user-certs',
  'webauthn',
]

/** Which of them provides a service, for the error that it is missing. */
export const standardProviders: Readonly<Record<string, string>> = {
  assertion: 'identity-jwt',
  sessionLimits: 'rbac',
}

/** The services that the hub itself provides to plugins. */
export const hubServices = {
  access,
  audit,
  authorities,
  catalog,
  commandLogins,
  database,
  forwardHeaders,
  metrics,
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
