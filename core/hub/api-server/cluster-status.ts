import type { Catalog } from '../../api/catalog.ts'
import type { Sessions } from '../../api/sessions.ts'
import type { Tunnel } from '../../api/tunnel.ts'
import type { Registry } from '../cluster/hub-registry.ts'
import type { Attention } from './attention.ts'
import type { StatusOptions } from './status-routes.ts'

/** The parts of the cluster's status for `mezctl status`. */
export function statusParts(options: {
  readonly cluster: string
  readonly version: string
  readonly registry: Pick<Registry, 'list'>
  readonly tunnel: Pick<Tunnel, 'links'>
  readonly catalog: Pick<Catalog, 'list'>
  readonly sessions: Pick<Sessions, 'list'>
  readonly attention: () => readonly Attention[]
}): StatusOptions['parts'] {
  const { cluster, version, registry, tunnel, catalog, sessions, attention } = options
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
    attention,
  }
}
