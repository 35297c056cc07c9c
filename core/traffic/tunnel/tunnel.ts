import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { AppAdministration } from '../../api/administration.ts'
import type { HubTransport } from '../../api/transport.ts'
import type { Tunnel } from '../../api/tunnel.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import type { Needs } from '../../hub/room.ts'
import type { AgentRelay, ServingLinks } from '../../state/hubs/cluster.ts'
import { createCarriers } from '../../wire/tls-acceptor.ts'
import { createAgentSelector } from './agent-selector.ts'
import { type Agent, createAgents } from './agents.ts'
import { createAppHealth, probeApp } from './app-health.ts'
import { http2Of, type LinkTimes } from './link.ts'
import { createLinkAcceptor, type LinkOrigin } from './link-acceptor.ts'
import { createLinkRegistry } from './link-registry.ts'
import { createRotationProgress, type RotationProgress } from './rotation-progress.ts'
import { offeredTransports } from './transports.ts'

export interface RunningTunnel extends Tunnel {
  /** Accepts a connection for `mezite-tunnel/1`, with its ClientHello unread; calls `secured` after the handshake. */
  acceptTunnel(raw: Duplex, from: LinkOrigin, secured?: () => void): void
  /** The offered transports among the provided ones. Throws like `offeredTransports`. */
  offer(provided: readonly HubTransport[]): readonly HubTransport[]
  /** `/v1/webapi/agents`. */
  readonly routes: readonly WebRoutes[]
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

/** The live agents of this hub. It does not open a listener: its caller passes it the connections. */
export function createTunnel(
  rooms: Needs<
    | 'audit'
    | 'authorities'
    | 'catalog'
    | 'cluster'
    | 'clusterName'
    | 'config'
    | 'enrolment'
    | 'hubVersion'
    | 'instanceId'
    | 'joinTokens'
    | 'kernel'
    | 'locks'
    | 'peers'
    | 'registry'
    | 'revisions'
    | 'sessions'
  >,
  times: LinkTimes = {},
): RunningTunnel {
  const { authorities, catalog, cluster, clusterName, config, instanceId, kernel, locks, peers } = rooms
  const { registry, revisions, sessions, clock, log } = rooms
  /** Agents on other transports are refused. A further stream than an agent's most uses another agent. */
  const { transports: offered, streams_per_agent: streamsPerAgent } = config.tunnel
  const { isAgentLocked } = locks
  const agents = createAgents({ catalog, revisions, clock, log, linkOf: (hostname) => serving.get(hostname) })
  const rotation = createRotationProgress(rooms, agents)
  const isBarred = (hostname: string): boolean =>
    isAgentLocked(hostname) || agents.get(hostname) === undefined
  const links = createLinkRegistry(rooms, agents, rotation, (hostname) => relay?.has(hostname) === true)
  const relay =
    peers &&
    cluster.createAgentRelay({
      agents,
      authorities,
      clusterName,
      instanceId,
      isAgentLocked,
      links,
      peers,
      registry,
      revisions,
      streamsPerAgent,
      clock,
      log,
      agentLost: sessions.live.cutAgent,
      changed: kernel.calls.tunnel.changed,
      faults: () => health.faults(),
    })
  const serving: ServingLinks = relay?.serving ?? links
  const health = createAppHealth({ links: serving, catalog, clock })
  const selector = createAgentSelector(rooms, { links, serving, health, isBarred })
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
