import type { Duplex } from 'node:stream'
import { slotRef } from '../kernel/reference.ts'

/** The hub's half of a transport: how a reliable byte stream from an agent arrives. */
export interface HubTransport {
  readonly name: string
  /**
   * Called once at start. Hands each arriving byte stream to `deliver`, which runs TLS 1.3 with the agent's
   * certificate and the tunnel on it. Transports that arrive at the public port under `mezite-tunnel/1` need
   * no listener of their own: they set `publicPort` and leave this out.
   */
  listen?(deliver: (carrier: Duplex, from: { readonly clientIp: string }) => void): Promise<void>
  readonly publicPort?: boolean
}

/** The agent's half: how a byte stream to the hub is dialled. */
export interface AgentTransport {
  readonly name: string
  dial(target: {
    readonly host: string
    readonly port: number
    readonly signal: AbortSignal
  }): Promise<Duplex>
}

/** How byte streams of agents arrive at the hub. */
export const transports = slotRef<HubTransport>('transports')

/** How an agent dials a byte stream to the hub; `tunnel.transports` picks and orders them. */
export const agentTransports = slotRef<AgentTransport>('agentTransports')
