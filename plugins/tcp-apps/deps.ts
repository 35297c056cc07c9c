import {
  type Audit,
  type Catalog,
  type Cell,
  type Clock,
  type Log,
  type PublicNames,
  type Revisions,
  type Sessions,
  type Static,
  Type,
} from '@mezite/core'
import type { Authorities } from '@mezite/core/identity'
import type { Access, CertifiedHttp, createOverload, Tunnel } from '@mezite/core/protocol'
import type { OpenConnections } from './open-connections.ts'

const Count = (value: number, description: string) =>
  Type.Count({ default: value, max: 100_000, description })

/** `plugins: tcp-apps:` in mezhub.yaml. */
export const TcpAppsConfig = Type.Closed({
  connections_per_person: Count(4_096, 'Concurrent connections of one person to applications, on one hub'),
  connections_per_app: Count(8_000, 'Concurrent connections to one application, on one hub'),
  logins_per_session: Count(64, 'Concurrent connections of msh with one certificate'),
})

type TcpAppsSettings = Static<typeof TcpAppsConfig>

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
  readonly load: ReturnType<typeof createOverload>
  /** Counters of finished connections and of their bytes. */
  readonly counts: { readonly ended: Cell; readonly received: Cell; readonly sent: Cell }
  /** Absent: msh cannot reach HTTP apps. */
  readonly certifiedHttp: CertifiedHttp | undefined
  readonly clock: Clock
  readonly log: Log
}
