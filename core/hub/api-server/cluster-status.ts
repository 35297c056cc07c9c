import type { Catalog } from '../../api/catalog.ts'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Sessions } from '../../api/sessions.ts'
import type { Tunnel } from '../../api/tunnel.ts'
import type { RunningAudit } from '../audit/audit.ts'
import type { Registry } from '../cluster/hub-registry.ts'
import type { Certificates } from '../listener/certificates.ts'
import { type Attention, AUTHORITIES } from './attention.ts'
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
  readonly certificates: Pick<Certificates, 'expiries'>
  readonly authorities: Pick<Authorities, 'keys'>
  readonly revisions: Pick<Revisions, 'alone' | 'ageMs'>
  readonly audit: Pick<RunningAudit, 'sinks'>
}): StatusOptions['parts'] {
  const { cluster, version, registry, tunnel, catalog, sessions, attention } = options
  const { certificates, authorities, revisions, audit } = options
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
    certificates: () =>
      [
        ...certificates.expiries(),
        ...AUTHORITIES.flatMap((subject) =>
          authorities.keys(subject).map(({ expires }) => ({ subject, expires })),
        ),
      ].map(({ subject, expires }) => ({ subject, expires: new Date(expires).toISOString() })),
    database: () => ({
      driver: revisions.alone ? 'embedded' : 'postgres',
      view_age_ms: Math.round(Math.min(revisions.ageMs(), 1e9)),
    }),
    audit: () => audit.sinks,
  }
}
