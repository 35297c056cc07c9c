import type { Duplex } from 'node:stream'
import type { ConnectionInfo } from '../../api/protocol.ts'
import type { EndReason } from '../../api/sessions.ts'
import type { TunnelChanged } from '../../api/tunnel.ts'
import type { Agents } from './agents.ts'
import type { LiveLinks } from './link-registry.ts'
import type { ServingLink } from './tunnel-dialer.ts'

/** The links through which this hub reaches agents: its own ones first, and those of hubs that relay. */
export interface ServingLinks extends Pick<LiveLinks, 'returned'> {
  get(hostname: string): ServingLink | undefined
  /** One link for each connected agent. */
  list(): readonly ServingLink[]
  /** Why the hubs with a link to an agent do not reach an app through it; null: one does, or none has said. */
  readonly faultOf?: (appId: string, hostname: string) => AppFault | null
}

/** Why an agent does not reach an app. */
export interface AppFault {
  readonly reason: string
  readonly error: string
}

/** By app id and agent, as `ID AGENT`. */
export type AppFaults = ReadonlyMap<string, AppFault>

/** What hubs relay for each other when agents have links to some of them only. */
export interface AgentRelay {
  readonly serving: ServingLinks
  /** Whether another hub, or the given one, relays to the agent. */
  has(hostname: string, hub?: string): boolean
  /** Takes a connection of another hub, ClientHello still in it; calls `secured` after the handshake. */
  accept(raw: Duplex, info: Pick<ConnectionInfo, 'via'>, secured: () => void): void
  /** Relays no new streams; resolves when the open ones have ended, or the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
  close(): void
}

/** What a relay needs of the tunnel. */
export interface RelayNeeds {
  readonly agents: Pick<Agents, 'get'>
  readonly links: LiveLinks
  readonly isAgentLocked: (hostname: string) => boolean
  /** An agent is locked or removed: cuts the streams through it. */
  readonly agentLost?: (hostname: string, reason: EndReason) => void
  readonly changed: (event: TunnelChanged) => void
  readonly streamsPerAgent: number
  readonly faults: () => AppFaults
}
