import type { Peers } from '../cluster/peers.ts'
import type { HeaderVerdict } from './connection-preamble.ts'
import { readProxyHeader } from './proxy-protocol.ts'

/** Who is told what stands ahead of a connection: other hubs may always say it, balancers where they must. */
export interface SourceOptions {
  readonly peers: Peers | undefined
  readonly proxyProtocol: 'off' | 'required'
  /** The TCP peer is a trusted proxy. */
  readonly isProxy: boolean
}

/** Null: whatever this peer says, it is not served. */
export function sourceReader({
  peers,
  proxyProtocol,
  isProxy,
}: SourceOptions): ((bytes: Buffer) => HeaderVerdict) | null {
  const withoutPeer =
    proxyProtocol === 'off'
      ? (): HeaderVerdict => ({ kind: 'none' })
      : isProxy
        ? readProxyHeader
        : (): HeaderVerdict => ({ kind: 'invalid', reason: 'no_trusted_proxy' })
  if (peers) return (bytes) => (peers.isHeader(bytes) ? peers.read(bytes) : withoutPeer(bytes))
  return proxyProtocol === 'required' && !isProxy ? null : withoutPeer
}
