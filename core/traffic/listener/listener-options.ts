import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { ConnectionInfo, Protocol } from '../../api/protocol.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import type { Certificates } from '../certificates/certificates.ts'
import type { GroupMember } from '../processes/group-member.ts'
import type { Peers } from '../relay/peers.ts'
import type { TakeAgent } from './agent-router.ts'

export interface ListenerOptions {
  /** `host:port` or `[v6]:port`; port 0 selects a free one. */
  readonly listenAddr: string
  readonly certificates: Pick<Certificates, 'browserTls' | 'serves' | 'shownTo' | 'proofs'>
  /** For protocols that require client certificates. */
  readonly authorities: Pick<Authorities, 'hubIdentity' | 'bundle'>
  /** CIDRs. */
  readonly trustedProxies?: readonly string[]
  readonly proxyProtocol?: 'off' | 'required'
  readonly protocols: readonly Protocol[]
  /** Handles the TLS connections of browsers; ALPN has selected `h2` or `http/1.1`. */
  readonly browsers: (socket: TLSSocket, info: ConnectionInfo) => void
  /** The certificate authorities of clients at this host; null, the default: no client is asked. The same array for the same list. */
  readonly clientCas?: (serverName: string) => readonly string[] | null
  /** Responds to a client that speaks plain HTTP here, given its first bytes, and closes the connection. */
  readonly plainHttp?: (socket: Socket, bytes: Buffer) => void
  /** Handlers of agents, by ALPN name. */
  readonly mezite?: Readonly<Record<string, TakeAgent>>
  /** Name of the transport whose carriers are connections to this port; null: there is none, they are rejected. */
  readonly alpnTransport?: string | null
  /** Addresses of clients with a live session, for which a share is reserved during a flood. */
  readonly sessionAddresses?: () => Iterable<string>
  /** The other hubs of the cluster; undefined if there are none. */
  readonly peers?: Peers | undefined
  /** The other processes on the same port; undefined if there are none. */
  readonly group?: Pick<GroupMember, 'isSibling' | 'pass'> | undefined
  readonly limits?: Partial<ProxyLimits>
  readonly clock?: Clock
  /** Called for each connection that completed TLS (by ALPN name) or was rejected before (by reason). */
  readonly counted?: (what: 'secured' | 'refused', which: string) => void
  readonly log: Log
}
