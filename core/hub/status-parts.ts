import type { Catalog } from './catalog/catalog.ts'
import type { Registry } from './hubs/create-registry.ts'
import type { Sessions } from './sessions/sessions.ts'
import type { Tunnel } from './tunnel/tunnel.ts'
import type { StatusOptions } from './web/status-routes.ts'

/** What `mezctl status` shows of the cluster. */
export function statusParts(options: {
  readonly cluster: string
  readonly version: string
  readonly registry: Pick<Registry, 'list'>
  readonly tunnel: Pick<Tunnel, 'links'>
  readonly catalog: Pick<Catalog, 'list'>
  readonly sessions: Pick<Sessions, 'list'>
}): StatusOptions['parts'] {
  const { cluster, version, registry, tunnel, catalog, sessions } = options
  return {
    cluster: () => cluster,
    version: () => version,
    hubs: async () =>
      (await registry.list()).map(({ id, version: its, since }) => ({
        id,
        version: its,
        since: since.toISOString(),
      })),
    agents: () => tunnel.links().length,
    apps: () => catalog.list().length,
    sessions: () => sessions.list().length,
  }
}
