import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { AppAdministration } from '../../api/administration.ts'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { HubTransport } from '../../api/transport.ts'
import type { Tunnel } from '../../api/tunnel.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import type { RunningCatalog } from '../../gate/catalog/catalog.ts'
import type { Enrolment } from '../../gate/enrolment/enrolment.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Registry } from '../../state/hubs/live-hubs.ts'
import { createCarriers } from '../../wire/tls-acceptor.ts'
import { createAgentSelector, type SelectorNeeds } from './agent-selector.ts'
import { type Agent, createAgents } from './agents.ts'
import { createAppHealth, probeApp } from './app-health.ts'
import { http2Of, type LinkTimes } from './link.ts'
import { type AcceptorNeeds, createLinkAcceptor, type LinkOrigin } from './link-acceptor.ts'
import { createLinkRegistry, type LinksNeeds } from './link-registry.ts'
import { createRotationProgress, type RotationNeeds, type RotationProgress } from './rotation-progress.ts'
import type { AgentRelay, RelayNeeds, ServingLinks } from './serving-links.ts'
import { offeredTransports } from './transports.ts'

export interface RunningTunnel extends Tunnel {
  /** Accepts a connection for `mezite-tunnel/1`, with its ClientHello unread; calls `secured` after the handshake. */
  acceptTunnel(raw: Duplex, from: LinkOrigin, secured?: () => void): void
  /** The offered transports among the provided ones. Throws like `offeredTransports`. */
  offer(provided: readonly HubTransport[]): readonly HubTransport[]
  /** `/v1/webapi/agents`. */
  readonly routes: WebRoutes
  readonly probe: AppAdministration['probe']
  /** All agents that may connect. */
  agents(): readonly Pick<Agent, 'hostname'>[]
  readonly waiting: RotationProgress['waiting']
  readonly relay: Pick<AgentRelay, 'accept' | 'drain'> | undefined
  /** Opens no new streams; resolves when the open ones have ended, or the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
  /** Cuts every link. */
  close(): void
}

export interface TunnelNeeds extends AcceptorNeeds, LinksNeeds, RotationNeeds, SelectorNeeds {
  readonly enrolment: Enrolment
  readonly authorities: Authorities
  readonly catalog: RunningCatalog
  readonly config: {
    readonly tunnel: { readonly transports?: readonly string[]; readonly streams_per_agent: number }
  }
  /** Relays to agents with links to other hubs only; null: this hub is alone. */
  readonly createRelay: ((own: RelayNeeds) => AgentRelay) | null
  readonly kernel: Pick<Kernel<HubHooks>, 'calls' | 'slot'>
  readonly registry: Registry
  readonly revisions: Revisions
}

/** The live agents of this hub. It does not open a listener: its caller passes it the connections. */
export function createTunnel(rooms: TunnelNeeds, times: LinkTimes = {}): RunningTunnel {
  const { catalog, config, kernel, locks, revisions, sessions, clock, log } = rooms
  /** Agents on other transports are refused. A further stream than an agent's most uses another agent. */
  const { transports: offered, streams_per_agent: streamsPerAgent } = config.tunnel
  const { isAgentLocked } = locks
  const agents = createAgents({
    ...{ catalog, revisions, clock, log, isLocked: isAgentLocked },
    linkOf: (hostname) => serving.get(hostname),
  })
  const rotation = createRotationProgress(rooms, agents)
  const links = createLinkRegistry(rooms, agents, rotation, (hostname) => relay?.has(hostname) === true)
  const relay = rooms.createRelay?.({
    agents,
    isAgentLocked,
    links,
    streamsPerAgent,
    agentLost: sessions.live.cutAgent,
    changed: kernel.calls.tunnel.changed,
    faults: () => health.faults(),
  })
  const serving: ServingLinks = relay?.serving ?? links
  const health = createAppHealth({ links: serving, catalog, clock })
  const selector = createAgentSelector(rooms, { links, agents, serving, health })
  const offers = (transport: string): boolean => offered?.includes(transport) ?? true
  const carriers = createCarriers()
  let draining = false
  const acceptLink = createLinkAcceptor(rooms, links, { offers, times, draining: () => draining })

  return {
    ...selector,
    acceptTunnel(raw, from, secured = () => {}) {
      carriers.add(raw)
      if (draining) raw.destroy()
      else acceptLink(raw, from, secured)
    },
    offer: (provided) => offeredTransports(provided, offered),
    routes: agents.routes,
    probe: (app, hostname) => probeApp(serving.get(hostname), app, clock),
    agents: agents.list,
    waiting: rotation.waiting,
    relay,
    async drain(signal) {
      draining = true
      const gone = [...links.all].map((link) => once(http2Of(link), 'close', { signal }))
      for (const link of links.all) {
        // GOAWAY: the agent stops opening links to this hub; open streams continue.
        if (!http2Of(link).destroyed) http2Of(link).goaway()
        link.retire('hub_stopping')
      }
      await Promise.allSettled(gone)
    },
    close() {
      draining = true
      health.stop()
      relay?.close()
      for (const link of links.all) link.destroy('hub_stopping')
      carriers.destroy()
    },
  }
}
