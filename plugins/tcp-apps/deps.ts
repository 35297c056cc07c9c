import type { Audit, Catalog, Clock, Log, PublicNames, Revisions, Sessions } from '@mezite/core'
import type { Access, Authorities, CertifiedHttp, Load, Tunnel } from '@mezite/core/protocol'
import type { TcpAppsSettings } from './config.ts'
import type { OpenConnections } from './open-connections.ts'

/** The services and parts that a connection uses, gathered once. */
export interface Deps {
  readonly access: Access
  readonly audit: Audit
  readonly authorities: Pick<Authorities, 'issuerOf' | 'trusts'>
  readonly catalog: Catalog
  readonly revisions: Revisions
  readonly publicNames: PublicNames
  readonly sessions: Sessions
  readonly tunnel: Tunnel
  readonly open: OpenConnections
  readonly settings: TcpAppsSettings
  readonly load: Load
  /** Absent: msh cannot reach HTTP apps. */
  readonly certifiedHttp: CertifiedHttp | undefined
  readonly clock: Clock
  readonly log: Log
}
