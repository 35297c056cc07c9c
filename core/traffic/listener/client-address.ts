import type { ConnectionInfo } from '../../api/protocol.ts'
import { readProxyHeader } from '../../wire/proxy-protocol.ts'
import type { Peers } from '../relay/peers.ts'
import type { HeaderResult, Peeked } from './connection-preamble.ts'
import { canonicalAddress, type TrustedProxies } from './trusted-proxies.ts'

/**
 * Reads the header before a connection: that of another hub always, that of a balancer where it is required. `isProxy`: the
 * TCP peer is a trusted proxy. Null if this peer is never served.
 */
export function sourceReader(
  peers: Peers | undefined,
  proxyProtocol: 'off' | 'required',
  isProxy: boolean,
): ((bytes: Buffer) => HeaderResult) | null {
  const withoutPeer =
    proxyProtocol === 'off'
      ? (): HeaderResult => ({ kind: 'none' })
      : isProxy
        ? readProxyHeader
        : (): HeaderResult => ({ kind: 'invalid', reason: 'no_trusted_proxy' })
  if (peers) return (bytes) => (peers.isHeader(bytes) ? peers.read(bytes) : withoutPeer(bytes))
  return proxyProtocol === 'required' && !isProxy ? null : withoutPeer
}

/** The client of a connection according to its header; `peer` is its TCP peer. */
export function clientInfo(
  peer: ConnectionInfo,
  { hello, source }: Peeked,
  trusted: TrustedProxies,
): ConnectionInfo {
  const clientIp = source === null ? peer.clientIp : (canonicalAddress(source.address) ?? peer.clientIp)
  // A client that a header names may be in a trusted network, but its X-Forwarded-For is not verified.
  const trustedProxy = source === null && trusted.has(clientIp)
  return Object.freeze({
    clientIp,
    clientPort: source?.port ?? peer.clientPort,
    trustedProxy,
    serverName: hello.serverName,
    ...(source?.via === undefined ? {} : { via: source.via }),
    ...(source?.transport === undefined ? {} : { transport: source.transport }),
    ...(trustedProxy && {
      clientOf: (forwardedFor: string | undefined) => trusted.clientOf(clientIp, forwardedFor),
    }),
  })
}
