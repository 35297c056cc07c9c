import type { Audit, Catalog, Cell, Clock, Log, PublicNames, Revisions, Sessions } from '@mezite/core'
import type { Access, Authorities, CertifiedHttp, Load, Tunnel } from '@mezite/core/protocol'
import type { TcpAppsSettings } from './config.ts'
import type { OpenConnections } from './open-connections.ts'

/** The services and deps that a connection uses, gathered once. */
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
  /** Counters of finished connections and of their bytes. */
  readonly counts: { readonly ended: Cell; readonly received: Cell; readonly sent: Cell }
  /** Absent: msh cannot reach HTTP apps. */
  readonly certifiedHttp: CertifiedHttp | undefined
  readonly clock: Clock
  readonly log: Log
}
