import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { AppAdministration } from '../../api/administration.ts'
import { appKinds } from '../../api/app-kinds.ts'
import type { HubTransport } from '../../api/transport.ts'
import type { Tunnel } from '../../api/tunnel.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import type { AgentRelay, ServingLinks } from '../../cluster/cluster.ts'
import { createCarriers } from '../../wire/tls-acceptor.ts'
import type { Needs } from '../room.ts'
import { createAgentSelector } from './agent-selector.ts'
import { type Agent, createAgents } from './agents.ts'
import { createAppHealth, probeApp } from './app-health.ts'
import { http2Of } from './link.ts'
import { createLinkAcceptor, type LinkOrigin } from './link-acceptor.ts'
import { createLinkRegistry } from './link-registry.ts'
import { createRotationProgress, type RotationProgress } from './rotation-progress.ts'
import { offeredTransports } from './transports.ts'

interface LinkTimes {
  readonly heartbeatMs?: number
  /** How long an agent may take to send its hello; default 10 s. */
  readonly helloMs?: number
}

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
  const { audit, authorities, catalog, cluster, clusterName, config, enrolment, hubVersion, instanceId } =
    rooms
  const { kernel, locks, peers, registry, revisions, sessions, clock, log } = rooms
  /** Agents on other transports are refused. A further stream than an agent's most uses another agent. */
  const { transports: offered, streams_per_agent: streamsPerAgent } = config.tunnel
  const hooks = kernel.calls.tunnel
  const options = {
    audit,
    authorities,
    catalog,
    clusterName,
    enrolment,
    hubVersion,
    instanceId,
    revisions,
    clock,
    log,
    ...times,
    hooks,
    hubs: registry,
    tokens: rooms.joinTokens,
    kinds: () => kernel.slot(appKinds),
    isAgentLocked: locks.isAgentLocked,
    agentLost: sessions.live.cutAgent,
  }
  const agents = createAgents({ ...options, linkOf: (hostname) => serving.get(hostname) })
  const rotation = createRotationProgress({ ...options, agents })
  const isBarred = (hostname: string): boolean =>
    locks.isAgentLocked(hostname) || agents.get(hostname) === undefined
  const elsewhere = (hostname: string): boolean => relay?.has(hostname) === true
  const links = createLinkRegistry({ ...options, agents, rotation, elsewhere })
  const relay =
    peers &&
    cluster.createAgentRelay({
      ...options,
      registry,
      peers,
      links,
      agents,
      streamsPerAgent,
      changed: hooks.changed,
      faults: () => health.faults(),
    })
  const serving: ServingLinks = relay?.serving ?? links
  const health = createAppHealth({ links: serving, catalog, clock })
  const selector = createAgentSelector({ ...options, links, serving, health, isBarred, streamsPerAgent })
  const offers = (transport: string): boolean => offered?.includes(transport) ?? true
  const carriers = createCarriers()
  let draining = false
  const acceptLink = createLinkAcceptor({ ...options, links, offers, draining: () => draining })

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
