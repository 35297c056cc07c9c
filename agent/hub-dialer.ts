import type { TLSSocket } from 'node:tls'
import { connectHub, TUNNEL_ALPN, WISH_ALPN } from '@mezite/core/agent'
import type { AgentIdentity } from './agent-identity.ts'
import type { HubAddress } from './hub-address.ts'
import type { TransportChoice } from './transport-choice.ts'

/** A hub that cannot be reached directly is not tried again for so long. */
const INDIRECT_MS = 10 * 60_000
/** A direct connection is a shortcut: it is given up soon. */
const DIRECT_MS = 2_000

/** Which hub is dialled. */
export interface HubWish {
  /** Id of the hub; null: any. */
  readonly instance: string | null
  /** Where this very hub listens; none: only the public address is known. */
  readonly direct?: HubAddress | undefined
  /** Use only transports that are preferred to the one in use. */
  readonly onlyPreferred?: boolean
}

/** An authenticated connection to a hub. */
export interface HubConnection {
  readonly socket: TLSSocket
  /** PEM of the certificate that the agent showed. */
  readonly certificate: string
  readonly transport: string
}

export interface HubDialer {
  /**
   * Connects to a hub with this agent's certificate: directly where the hub can be dialled, so that the link does not
   * depend on another hub, else through the public address, which may lead through another hub. Rejects as
   * `AgentIdentity.ensure` and `TransportChoice.reach`.
   */
  dial(wish: HubWish, signal: AbortSignal): Promise<HubConnection>
}

export function createHubDialer(options: {
  readonly identity: Pick<AgentIdentity, 'ensure'>
  readonly address: HubAddress
  readonly choice: Pick<TransportChoice, 'reach'>
}): HubDialer {
  const { identity, address, choice } = options
  /** When hubs that cannot be dialled directly may be tried again, by id. */
  const indirect = new Map<string, number>()

  return {
    async dial({ instance, direct, onlyPreferred = false }, signal) {
      const me = await identity.ensure(signal)
      const alpn = instance === null ? [TUNNEL_ALPN] : [TUNNEL_ALPN, WISH_ALPN + instance]
      const connect = (at?: HubAddress) =>
        choice.reach(
          async (carrier, transport): Promise<HubConnection> => {
            const socket = await connectHub({ carrier, host: address.host, alpn, ...me })
            return { socket, certificate: me.certificate, transport }
          },
          { signal, onlyPreferred, ...(at && { at, attemptMs: DIRECT_MS }) },
        )
      if (instance !== null && direct && !onlyPreferred && !(Date.now() < (indirect.get(instance) ?? 0))) {
        try {
          return await connect(direct)
        } catch (error) {
          if (signal.aborted) throw error
          indirect.set(instance, Date.now() + INDIRECT_MS)
        }
      }
      return connect()
    },
  }
}
