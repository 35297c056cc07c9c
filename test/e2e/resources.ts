import type { AdminClient, FakeIssuer } from '../../core/testing/index.ts'

/** A connector that lets the fake provider's people in, with the role for everything. */
export function connect(api: AdminClient, issuer: FakeIssuer, role = 'access'): Promise<unknown> {
  return api('PUT', '/connectors/sso', {
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'sso' },
    spec: {
      ...issuer.spec,
      claims_to_roles: [{ claim: 'groups', value: 'platform-team', roles: [role] }],
    },
  })
}

/** Registers an application on loopback; `spec` adds to it or changes it. */
export function register(api: AdminClient, name: string, port: number, spec: object): Promise<unknown> {
  return api('PUT', `/apps/${name}`, {
    kind: 'app',
    version: 'v1',
    metadata: { name, labels: { env: 'test' } },
    spec: { uri: `http://127.0.0.1:${port}`, ...spec },
  })
}
