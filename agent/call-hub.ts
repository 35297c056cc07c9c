import type { TLSSocket } from 'node:tls'
import {
  type AgentTransport,
  type Log,
  MezError,
  messageOf,
  TUNNEL_ALPN,
  WISH_ALPN,
} from '@mezite/core/agent'
import type { AgentIdentity } from './agent-identity.ts'
import { connectHub } from './connect-hub.ts'
import type { HubAddress } from './hub-address.ts'

const DIAL_MS = 10_000

export interface CallOptions {
  readonly identity: AgentIdentity
  readonly address: HubAddress
  /** Tried in order. */
  readonly transports: readonly AgentTransport[]
  readonly log: Log
}

export interface Called {
  readonly socket: TLSSocket
  /** On which it stands. */
  readonly certificate: string
  /** Name of the transport. */
  readonly transport: string
}

/**
 * Connects to the hub with this agent's certificate. `wish`: id of the hub that is wanted, whichever one a balancer leads
 * to; null: any. Rejects as `AgentIdentity.ensure` and `connectHub`, or with what the last transport said.
 */
export async function callHub(
  { identity, address, transports, log }: CallOptions,
  wish: string | null,
  stopped: AbortSignal,
): Promise<Called> {
  const me = await identity.ensure(stopped)
  const alpn = wish === null ? [TUNNEL_ALPN] : [TUNNEL_ALPN, WISH_ALPN + wish]
  let failure: unknown = new MezError('MEZ_HUB_UNREACHABLE', 'no transport is configured')
  for (const transport of transports) {
    try {
      const signal = AbortSignal.any([stopped, AbortSignal.timeout(DIAL_MS)])
      const carrier = await transport.dial({ ...address, signal })
      const socket = await connectHub({ carrier, host: address.host, alpn, ...me })
      return { socket, certificate: me.certificate, transport: transport.name }
    } catch (error) {
      failure = error
      log.debug({ transport: transport.name, error: messageOf(error) }, 'no link over this transport')
    }
  }
  throw failure
}
