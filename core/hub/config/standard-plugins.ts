/** Plugins that load without configuration; each is `@mezite/plugin-<name>` and can be set to false under `plugins:`. */
export const standardPlugins: readonly string[] = [
  'access-requests',
  'acme',
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
  attention: 'web-api',
  botLogins: 'bots',
  commandLogins: 'cli-login',
  confirmations: 'webauthn',
  sessionLimits: 'rbac',
}
