import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { AppAdministration } from '../../api/administration.ts'
import type { AppKind } from '../../api/app-kinds.ts'
import type { Audit } from '../../api/audit.ts'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { EndReason } from '../../api/sessions.ts'
import type { HubTransport } from '../../api/transport.ts'
import type { Tunnel } from '../../api/tunnel.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import type { AgentRelay, AppFaults, Registry, ServingLinks } from '../../cluster/cluster.ts'
import type { Enrolment } from '../../enrolment/enrolment.ts'
import type { JoinTokens } from '../../enrolment/join-tokens.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { HookCalls } from '../../kernel/hook.ts'
import type { Log } from '../../kernel/log.ts'
import { createCarriers } from '../../wire/tls-acceptor.ts'
import type { RunningCatalog } from '../catalog/catalog.ts'
import { createAgentSelector, STREAMS_PER_AGENT } from './agent-selector.ts'
import { type Agent, type Agents, createAgents } from './agents.ts'
import { createAppHealth, probeApp } from './app-health.ts'
import { http2Of } from './link.ts'
import { createLinkAcceptor, type LinkOrigin } from './link-acceptor.ts'
import { createLinkRegistry, type LiveLinks } from './link-registry.ts'
import { createRotationProgress, type RotationProgress } from './rotation-progress.ts'
import { offeredTransports } from './transports.ts'

export interface TunnelOptions {
  readonly revisions: Pick<Revisions, 'write' | 'addView' | 'onApplied' | 'catchUp' | 'fresh'>
  readonly authorities: Pick<Authorities, 'bundle' | 'keys' | 'issuerOf' | 'trusts' | 'hubIdentity'>
  readonly enrolment: Pick<Enrolment, 'renew' | 'confirm' | 'learnt'>
  readonly tokens: Pick<JoinTokens, 'list'>
  readonly clusterName: string
  readonly instanceId: string
  readonly hubVersion: string
  readonly catalog: Pick<RunningCatalog, 'list'>
  /** The hubs of the cluster; agents keep a link to each, or to some. */
  readonly hubs: Pick<Registry, 'reachable' | 'hubsOf' | 'relays' | 'onChanged'>
  /** Reaches agents through other hubs, and relays for them; missing: there are no others. */
  readonly relayFor?: ((own: OwnAgents) => AgentRelay | undefined) | undefined
  readonly hooks: Pick<HookCalls<HubHooks>['tunnel'], 'changed' | 'proposed' | 'route'>
  readonly audit: Pick<Audit, 'record'>
  /** The kinds of apps. */
  readonly kinds?: () => readonly AppKind[]
  /** Checked on every connection and again whenever changes were applied. */
  readonly isAgentLocked: (hostname: string) => boolean
  /** Called before the link of an agent that was removed or locked is cut. */
  readonly agentLost?: (hostname: string, reason: EndReason) => void
  /** `tunnel.transports`: agents on other transports are refused. Default: all transports that plugins provide. */
  readonly offered?: readonly string[] | undefined
  /** Maximum streams of one agent at a time; further ones use another agent. Default 9,000. */
  readonly streamsPerAgent?: number
  readonly heartbeatMs?: number
  /** How long an agent may take to send its hello; default 10 s. */
  readonly helloMs?: number
  readonly clock: Clock
  readonly log: Log
}

/** What the relay needs of this hub's agents. */
interface OwnAgents {
  readonly links: LiveLinks
  readonly agents: Pick<Agents, 'get'>
  readonly streamsPerAgent: number
  readonly faults: () => AppFaults
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
export function createTunnel(options: TunnelOptions): RunningTunnel {
  const { catalog, clock, offered, streamsPerAgent = STREAMS_PER_AGENT } = options
  const agents = createAgents({ ...options, linkOf: (hostname) => serving.get(hostname) })
  const rotation = createRotationProgress({ ...options, agents })
  const isBarred = (hostname: string): boolean =>
    options.isAgentLocked(hostname) || agents.get(hostname) === undefined
  const elsewhere = (hostname: string): boolean => relay?.has(hostname) === true
  const links = createLinkRegistry({ ...options, agents, rotation, elsewhere })
  const relay = options.relayFor?.({ links, agents, streamsPerAgent, faults: () => health.faults() })
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
