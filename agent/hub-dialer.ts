import type { TLSSocket } from 'node:tls'
import { type Clock, connectHub, proveAgent, TUNNEL_ALPN, WISH_ALPN } from '@mezite/core/agent'
import type { AgentIdentity } from './agent-identity.ts'
import type { HubAddress } from './hub-address.ts'
import type { TransportChoice } from './transport-choice.ts'

/** How long a hub that cannot be reached directly is not dialled directly again. */
const INDIRECT_MS = 10 * 60_000
/**
 * The direct connection is optional, so its timeout is short. It covers the dial alone: a hub that has just started may
 * need longer for the handshakes of all its agents, and giving up would make it start over.
 */
const DIRECT_DIAL_MS = 2_000

/** The hub to dial. */
export interface HubWish {
  /** Id of the hub, or null for any hub. */
  readonly instance: string | null
  /** The address of this hub itself, if known; otherwise the public address is used. */
  readonly direct?: HubAddress | undefined
  /** Use only transports that are preferred over the current one. */
  readonly onlyPreferred?: boolean
  /** Use only the direct address. */
  readonly onlyDirect?: boolean
}

/** An authenticated connection to a hub. */
export interface HubConnection {
  readonly socket: TLSSocket
  /** PEM of the certificate that the agent presented. */
  readonly certificate: string
  readonly transport: string
  /** The hub has a direct address that could not be reached, so the link may run through another hub. */
  readonly indirect: boolean
}

export interface HubDialer {
  /**
   * Connects to a hub with this agent's certificate: directly if possible, so that the link does not depend on another
   * hub, otherwise through the public address, which may lead through another hub. Rejects like
   * `AgentIdentity.ensure` and `TransportChoice.reach`.
   */
  dial(wish: HubWish, signal: AbortSignal): Promise<HubConnection>
}

export function createHubDialer(options: {
  readonly identity: Pick<AgentIdentity, 'ensure'>
  readonly address: HubAddress
  readonly choice: Pick<TransportChoice, 'reach'>
  readonly clock: Clock
}): HubDialer {
  const { identity, address, choice, clock } = options
  /** When hubs that could not be dialled directly may be tried again, by id, on the clock of `performance`. */
  const indirect = new Map<string, number>()

  return {
    async dial({ instance, direct, onlyPreferred = false, onlyDirect = false }, signal) {
      const me = await identity.ensure(signal)
      const alpn = instance === null ? [TUNNEL_ALPN] : [TUNNEL_ALPN, WISH_ALPN + instance]
      const connect = (at?: HubAddress) =>
        choice.reach(
          async (carrier, transport): Promise<HubConnection> => {
            const socket = await connectHub({ carrier, host: address.host, alpn, ...me })
            return { socket, certificate: me.certificate, transport, indirect: Boolean(direct && !at) }
          },
          { signal, onlyPreferred, prove: proveAgent(me, clock), ...(at && { at, dialMs: DIRECT_DIAL_MS }) },
        )
      const due = onlyDirect || !(performance.now() < (indirect.get(instance ?? '') ?? 0))
      if (instance !== null && direct && !onlyPreferred && due) {
        try {
          const connection = await connect(direct)
          indirect.delete(instance)
          return connection
        } catch (error) {
          indirect.set(instance, performance.now() + INDIRECT_MS)
          if (signal.aborted || onlyDirect) throw error
        }
      }
      return connect()
    },
  }
}
