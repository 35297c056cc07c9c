import { stringify } from 'yaml'
import type { HubPlace } from './hub-places.ts'

const document = (kind: string, metadata: object, spec: object): string =>
  stringify({ kind, version: 'v1', metadata, spec })

/** The configuration file of one hub. */
export function hubConfig(options: {
  hub: HubPlace
  hubHost: string
  publicPort: number
  appsDomain: string
  plugins: Readonly<Record<string, unknown>>
  databaseUrl?: string | undefined
}): string {
  const { hub, publicPort } = options
  return stringify({
    cluster_name: 'demo',
    data_dir: hub.dataDir,
    ...(options.databaseUrl ? { database: { driver: 'postgres', url: options.databaseUrl } } : {}),
    proxy: {
      listen_addr: `127.0.0.1:${hub.port}`,
      public_addr: `${options.hubHost}:${publicPort}`,
      apps_domain: options.appsDomain,
      shutdown_delay: '0',
      ...hub.proxy,
    },
    diagnostics: { listen_addr: `127.0.0.1:${hub.diagnosticsPort}` },
    plugins: options.plugins,
  })
}

/** The resource files by name, as you would write them by hand. */
export function resources(options: {
  identityPort: number
  livePort: number
  vaultPort: number
  redisPort: number
  idpUrl: string
  clientSecret: string
}): Record<'roles.yaml' | 'sso.yaml' | 'apps.yaml' | 'oidc-secret', string> {
  const app = (name: string, description: string, team: string, port: number) =>
    document(
      'app',
      { name, description, labels: { env: 'demo', team } },
      { uri: `http://127.0.0.1:${port}`, agents: ['demo-node'] },
    )
  const platformApps = { env: 'demo', team: 'platform' }
  return {
    'roles.yaml': [
      document(
        'role',
        { name: 'platform' },
        { allow: { app_labels: { env: 'demo' }, review: { app_labels: platformApps } } },
      ),
      document(
        'role',
        { name: 'support' },
        {
          allow: {
            app_labels: { env: 'demo', team: 'support' },
            request: { app_labels: platformApps, max_duration: '4h', reason: 'required' },
          },
        },
      ),
      document(
        'role',
        { name: 'vault' },
        { options: { require_session_mfa: true }, allow: { app_labels: { env: 'demo', team: 'vault' } } },
      ),
    ].join('---\n'),
    'oidc-secret': options.clientSecret,
    'sso.yaml': document(
      'oidc',
      { name: 'sso', description: 'Example identity provider' },
      {
        issuer_url: options.idpUrl,
        client_id: 'mezite',
        client_secret: { file: 'oidc-secret' },
        claims_to_roles: [
          { claim: 'groups', value: 'platform-team', roles: ['platform', 'vault'] },
          { claim: 'groups', value: 'support-team', roles: ['support'] },
          { claim: 'groups', value: 'operators', roles: ['admin'] },
        ],
      },
    ),
    'apps.yaml': [
      app('identity', "Shows the caller's verified identity", 'platform', options.identityPort),
      app('vault', 'Opens after you confirm with a passkey', 'vault', options.vaultPort),
      app('live', 'WebSocket, events, uploads and downloads', 'support', options.livePort),
      document(
        'app',
        { name: 'redis', description: 'A TCP application', labels: { env: 'demo', team: 'platform' } },
        { uri: `tcp://127.0.0.1:${options.redisPort}`, protocol: 'tcp', agents: ['demo-node'] },
      ),
    ].join('---\n'),
  }
}
