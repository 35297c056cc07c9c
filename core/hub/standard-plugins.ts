/** Loaded without being named under `plugins:`; each is `@mezite/plugin-<name>` and can be set to false. */
export const standardPlugins: readonly string[] = [
  'audit-database',
  'http-apps',
  'identity-jwt',
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
