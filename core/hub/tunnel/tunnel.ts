import type { Duplex } from 'node:stream'
import type { Audit } from '../../api/audit.ts'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { Database } from '../../api/database.ts'
import type { HubCalls } from '../../api/hub-hooks.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { EndReason } from '../../api/sessions.ts'
import type { HubTransport } from '../../api/transport.ts'
import type { Tunnel } from '../../api/tunnel.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import type { Clock } from '../../kernel/clock.ts'
import { MezError } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { RunningCatalog } from '../catalog/catalog.ts'
import type { Registry } from '../cluster/hub-registry.ts'
import { createEnrolment } from '../enrolment/enrolment.ts'
import { createJoinReceiver } from '../enrolment/join-acceptor.ts'
import { tokenRoutes } from '../enrolment/join-token-routes.ts'
import { createJoinTokens } from '../enrolment/join-tokens.ts'
import { agentRoutes } from './agent-routes.ts'
import { findWay } from './agent-selector.ts'
import { createAgents } from './agents.ts'
import { createLinkReceiver, type LinkOrigin } from './link-acceptor.ts'
import { createLiveLinks } from './link-registry.ts'
import { createRotationFollower, type RotationFollower } from './rotation-progress.ts'
import { openListener } from './transport-listener.ts'

export interface TunnelOptions {
  readonly db: Database
  readonly revisions: Pick<Revisions, 'write' | 'addView' | 'onApplied' | 'catchUp' | 'fresh'>
  readonly authorities: Pick<
    Authorities,
    'bundle' | 'pin' | 'keys' | 'issuerOf' | 'trusts' | 'hubIdentity' | 'issueAgent'
  >
  readonly clusterName: string
  readonly instanceId: string
  readonly hubVersion: string
  /** `host:port` of the public port, for the `mezd start` line of `tokens create`. */
  readonly publicAddr: string
  readonly catalog: Pick<RunningCatalog, 'list' | 'bindsIn'>
  /** The hubs of the cluster: agents keep a link to each. */
  readonly hubs: Pick<Registry, 'reachable' | 'onChanged'>
  readonly hooks: Pick<HubCalls['tunnel'], 'changed' | 'route'>
  readonly audit: Pick<Audit, 'record'>
  /** Asked on every connection and again whenever changes were applied. */
  readonly isAgentLocked: (hostname: string) => boolean
  /** Called before the link of an agent that was removed or locked is cut. */
  readonly agentLost?: (hostname: string, reason: EndReason) => void
  /** `tunnel.transports`: agents over others are refused. Default: all are offered. */
  readonly offered?: readonly string[]
  /** Streams of one agent at a time; more are dialled through another one. Default 9,000. */
  readonly streamsPerAgent?: number
  /** Attempts to join of one address; counted by `addressKey`. */
  readonly joinsPerMinute: number
  readonly heartbeatMs?: number
  /** How long an agent may take to say hello; default 10 s. */
  readonly helloMs?: number
  readonly clock: Clock
  readonly log: Log
}

export interface RunningTunnel extends Tunnel {
  /** Takes a raw byte stream (ClientHello still in it) that asked for `mezite-tunnel/1`. */
  acceptTunnel(
    raw: Duplex,
    from: Omit<LinkOrigin, 'transport'> & Partial<Pick<LinkOrigin, 'transport'>>,
  ): void
  /** The same for `mezite-join/1`. */
  acceptJoin(raw: Duplex, from: { readonly clientIp: string }): void
  /**
   * Opens the listeners of those transports that are offered. Throws `MEZ_CONFIG_INVALID` when an offered one is not
   * there, `MEZ_SERVICE_TWICE` when two have one name, `MEZ_START_FAILED` that names one that fails or takes longer than
   * 30 s. Transports that arrive at the public port need no call.
   */
  listen(transports: readonly HubTransport[]): Promise<void>
  /** `/v1/webapi/tokens` and `/v1/webapi/agents`. */
  readonly routes: readonly WebRoutes[]
  /** Agents and join tokens that the next step of a rotation would shut out. */
  readonly waiting: RotationFollower['waiting']
  /** No new streams; resolves when those under way have ended, or the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
  /** Cuts every link. */
  close(): void
}

/** The live agents of this hub. Opens nothing by itself: connections are handed in. */
export function createTunnel(options: TunnelOptions): RunningTunnel {
  const { db, revisions, catalog, clock, offered } = options
  const agents = createAgents(revisions)
  const tokens = createJoinTokens({ db, revisions, clock })
  const enrolment = createEnrolment({ ...options, tokens })
  const rotation = createRotationFollower({ ...options, agents, enrolment, tokens })
  const links = createLiveLinks({ ...options, agents, enrolment, rotation })
  const way = findWay({ ...options, links })
  const offers = (transport: string): boolean => offered?.includes(transport) ?? true
  const carriers = new Set<Duplex>()
  let draining = false
  /** This one is among them, also while it is not reachable. */
  const instances = () => [...new Set([options.instanceId, ...options.hubs.reachable.keys()])]
  const receiveLink = createLinkReceiver({ ...options, links, instances, offers, draining: () => draining })
  const receiveJoiner = createJoinReceiver({ ...options, enrolment })

  /** False: the hub stops, and the stream is closed. */
  function track(raw: Duplex): boolean {
    raw.on('error', () => raw.destroy())
    if (draining) {
      raw.destroy()
      return false
    }
    carriers.add(raw)
    raw.once('close', () => carriers.delete(raw))
    return true
  }

  const acceptTunnel: RunningTunnel['acceptTunnel'] = (raw, { transport = 'http2', ...from }) => {
    if (track(raw)) receiveLink(raw, { ...from, transport })
  }

  return {
    ...way,
    acceptTunnel,
    acceptJoin(raw, from) {
      if (track(raw)) receiveJoiner(raw, from)
    },
    async listen(transports) {
      const names = transports.map((transport) => transport.name)
      const missing = offered?.filter((name) => !names.includes(name)) ?? []
      if (missing.length > 0) {
        const what = `tunnel.transports: there is no ${missing.join(', ')}; there is ${names.join(', ') || 'none'}`
        throw new MezError('MEZ_CONFIG_INVALID', what)
      }
      const twin = names.find((name, at) => names.indexOf(name) !== at)
      if (twin !== undefined)
        throw new MezError('MEZ_SERVICE_TWICE', `there are two transports named '${twin}'`)
      for (const transport of transports) {
        const { name } = transport
        if (!offers(name)) continue
        await openListener(transport, (carrier, from) => acceptTunnel(carrier, { ...from, transport: name }))
      }
    },
    routes: [
      tokenRoutes({
        tokens,
        pin: () => options.authorities.pin(),
        publicAddr: options.publicAddr,
        clock,
      }),
      agentRoutes({ agents, tunnel: way, catalog, revisions }),
    ],
    waiting: rotation.waiting,
    async drain(signal) {
      draining = true
      const gone = [...links.all].map(
        (link) => new Promise<void>((resolve) => link.session.once('close', resolve)),
      )
      for (const link of links.all) {
        // GOAWAY tells the agent to open no more links here; streams under way go on.
        if (!link.session.destroyed) link.session.goaway()
        link.retire('hub_stopping')
      }
      const aborted = new Promise<void>((resolve) => {
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve(), { once: true })
      })
      await Promise.race([Promise.all(gone), aborted])
    },
    close() {
      draining = true
      for (const link of links.all) link.destroy('hub_stopping')
      for (const carrier of carriers) carrier.destroy()
    },
  }
}
