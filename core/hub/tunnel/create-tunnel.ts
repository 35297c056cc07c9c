import type { Duplex } from 'node:stream'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { HEARTBEAT_MS, JOIN_ALPN, PROTOCOL_VERSION, TUNNEL_ALPN } from '../../wire/tunnel-protocol.ts'
import type { Audit } from '../audit/audit.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Changes } from '../database/changes.ts'
import type { Database } from '../database/database.ts'
import type { HubCalls } from '../hooks.ts'
import type { Authorities } from '../keys/authorities.ts'
import type { WebRoutes } from '../web/web-routes.ts'
import { type AgentCertificate, readAgentCertificate } from './agent-certificate.ts'
import { agentRoutes } from './agent-routes.ts'
import { createAgents } from './agents.ts'
import { DialError } from './dial-error.ts'
import { dialThrough } from './dial-through.ts'
import { createEnrolment } from './enrol.ts'
import { JoinRefusal } from './join-refusal.ts'
import { createJoinTokens } from './join-tokens.ts'
import { LiveLink } from './live-link.ts'
import { createRateLimit, type JoinRateLimit } from './rate-limit.ts'
import { type JoinBody, receiveJoin } from './receive-join.ts'
import { receiveTls } from './receive-tls.ts'
import { tokenRoutes } from './token-routes.ts'
import type { Tunnel } from './tunnel.ts'

export interface TunnelOptions {
  readonly db: Database
  readonly changes: Pick<Changes, 'write' | 'addView' | 'onApplied' | 'catchUp'>
  readonly authorities: Pick<Authorities, 'bundle' | 'pin' | 'hubIdentity' | 'issueAgent'>
  readonly clusterName: string
  readonly instanceId: string
  readonly hubVersion: string
  /** `host:port` of the public port, for the `mezd start` line of `tokens create`. */
  readonly publicAddr: string
  readonly catalog: Pick<Catalog, 'list'>
  readonly hooks: Pick<HubCalls['tunnel'], 'changed' | 'route'>
  readonly audit: Pick<Audit, 'record'>
  /** Asked on every connection and again whenever changes were applied. */
  readonly isAgentLocked: (hostname: string) => boolean
  readonly joinRateLimit?: JoinRateLimit
  readonly heartbeatMs?: number
  /** How long an agent may take to say hello; default 10 s. */
  readonly helloMs?: number
  readonly clock: Clock
  readonly log: Log
}

export interface RunningTunnel extends Tunnel {
  /** Takes a raw byte stream (ClientHello still in it) that asked for `mezite-tunnel/1`. */
  acceptTunnel(raw: Duplex, from: { readonly clientIp: string; readonly transport?: string }): void
  /** The same for `mezite-join/1`. */
  acceptJoin(raw: Duplex, from: { readonly clientIp: string }): void
  /** `/v1/webapi/tokens` and `/v1/webapi/agents`. */
  readonly routes: readonly WebRoutes[]
  /** No new streams; resolves when those under way have ended, or the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
  /** Cuts every link. */
  close(): void
}

/** Longest time that an error of a dial is remembered for `apps get`. */
const ERRORS_KEPT = 10_000

/** The live agents of this hub. Opens nothing by itself: connections are handed in. */
export function createTunnel(options: TunnelOptions): RunningTunnel {
  const { db, changes, authorities, clusterName, catalog, hooks, audit, clock, log, isAgentLocked } = options
  const agents = createAgents(changes)
  const tokens = createJoinTokens({ db, changes, clock })
  const enrolment = createEnrolment({ changes, authorities, catalog, tokens, clock })
  /** Strangers must not fill the audit log. */
  const mayComplain = createRateLimit(clock)
  const mayJoin = createRateLimit(clock, options.joinRateLimit)
  const live = new Map<string, LiveLink>()
  const all = new Set<LiveLink>()
  const carriers = new Set<Duplex>()
  const errors = new Map<string, string>()
  let turn = 0
  let draining = false

  const event = (
    type: string,
    success: boolean,
    link: { hostname: string; transport: string; clientIp: string },
  ) => ({
    type,
    success,
    clientIp: link.clientIp,
    fields: { agent: link.hostname, transport: link.transport },
  })

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

  function judge(certificate: AgentCertificate): string | null {
    if (certificate.notAfter <= clock.now()) return 'certificate_expired'
    if (isAgentLocked(certificate.hostname)) return 'agent_locked'
    return agents.judge(certificate.hostname, certificate.serial)
  }

  function acceptTunnel(raw: Duplex, from: { clientIp: string; transport?: string }): void {
    if (!track(raw)) return
    const transport = from.transport ?? 'http2'
    const { clientIp } = from
    const reject = (reason: string, hostname: string | null): void => {
      raw.destroy()
      audit.record({
        type: 'agent.rejected',
        success: false,
        reason,
        clientIp,
        fields: { agent: hostname, transport },
      })
      log.warn({ agent: hostname, clientIp, reason }, 'agent rejected')
    }
    receiveTls(raw, {
      authorities,
      alpn: TUNNEL_ALPN,
      clientAuthority: 'agent-ca',
      failed: (error) => {
        log.debug({ clientIp, error: messageOf(error) }, 'no TLS with an agent')
        if (error.cause === 'certificate' && mayComplain(clientIp)) reject('certificate_refused', null)
      },
      secured: (socket) => {
        const certificate = readAgentCertificate(socket, clusterName)
        if (!certificate) {
          reject('certificate_refused', null)
          return
        }
        const admit = (): void => {
          const refusal = draining ? 'draining' : judge(certificate)
          if (refusal) {
            reject(refusal, certificate.hostname)
            return
          }
          const link = new LiveLink({
            socket,
            certificate,
            transport,
            clientIp,
            clock,
            greeting: greeting(),
            onReady: up,
            onMessage,
            onClosed: down,
            ...(options.helloMs === undefined ? {} : { helloMs: options.helloMs }),
            ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
          })
          all.add(link)
        }
        if (judge(certificate) === null) return admit()
        // The certificate may have been issued by another hub a moment ago.
        changes.catchUp().then(admit, admit)
      },
    })
  }

  function greeting(): object {
    const { instanceId, hubVersion } = options
    const base = { type: 'greeting', protocol: PROTOCOL_VERSION, cluster: clusterName, instance: instanceId }
    return { ...base, instances: [instanceId], version: hubVersion, heartbeat_ms: HEARTBEAT_MS }
  }

  function up(link: LiveLink): void {
    const refusal = judge(link.certificate)
    if (refusal) {
      link.destroy(refusal)
      return
    }
    const before = live.get(link.hostname)
    live.set(link.hostname, link)
    if (before) replace(before, link)
    errors.delete(link.hostname)
    audit.record(event('agent.connected', true, link))
    log.info({ agent: link.hostname, transport: link.transport }, 'agent connected')
    hooks.changed({ hostname: link.hostname, connected: true, reason: null })
    const agent = agents.get(link.hostname)
    if (agent?.previousSerial && agent.serial === link.certificate.serial) {
      enrolment
        .confirm(link.hostname, link.certificate.serial)
        .catch((error) =>
          log.warn({ agent: link.hostname, error: messageOf(error) }, 'renewal not confirmed'),
        )
    }
  }

  /** The newest link wins. A link on a renewed certificate lets the older one finish what it carries. */
  function replace(before: LiveLink, link: LiveLink): void {
    audit.record({ ...event('agent.disconnected', true, before), reason: 'replaced' })
    if (before.certificate.serial !== link.certificate.serial) {
      before.retire('replaced')
      return
    }
    log.warn({ agent: link.hostname, clientIp: link.clientIp }, 'a second connection replaced the agent')
    before.destroy('replaced')
  }

  function down(link: LiveLink, reason: string, ready: boolean): void {
    all.delete(link)
    if (!ready) {
      audit.record({ ...event('agent.rejected', false, link), reason })
      return
    }
    if (live.get(link.hostname) !== link) return
    live.delete(link.hostname)
    audit.record({ ...event('agent.disconnected', true, link), reason })
    log.info({ agent: link.hostname, reason }, 'agent disconnected')
    hooks.changed({ hostname: link.hostname, connected: false, reason })
  }

  const renewing = new Set<LiveLink>()
  function onMessage(link: LiveLink, message: Readonly<Record<string, unknown>>): void {
    // Unknown messages are those of a newer agent.
    if (message.type !== 'renew' || renewing.has(link)) return
    renewing.add(link)
    enrolment
      .renew(link.hostname, link.certificate.serial, message.csr)
      .then(({ certificate }) =>
        link.send({ type: 'certificate', certificate, hub_ca: authorities.bundle('hub-ca') }),
      )
      .catch((error: unknown) => {
        const code = error instanceof JoinRefusal ? error.code : 'internal_error'
        log.warn({ agent: link.hostname, error: messageOf(error) }, 'certificate not renewed')
        link.send({ type: 'renew_refused', code })
      })
      .finally(() => renewing.delete(link))
  }

  changes.onApplied(() => {
    for (const link of all) {
      const refusal = judge(link.certificate)
      if (refusal) link.destroy(refusal)
    }
  })

  function acceptJoin(raw: Duplex, { clientIp }: { clientIp: string }): void {
    if (!track(raw)) return
    if (!mayJoin(clientIp)) {
      log.debug({ clientIp }, 'too many attempts to join')
      return void raw.destroy()
    }
    receiveTls(raw, {
      authorities,
      alpn: JOIN_ALPN,
      clientAuthority: null,
      failed: (error) => log.debug({ clientIp, error: messageOf(error) }, 'no TLS with a joining agent'),
      secured: (socket) => receiveJoin(socket, (body) => join(body, clientIp)),
    })
  }

  async function join(body: JoinBody, clientIp: string): Promise<object> {
    const { token, csr, hostname } = body
    try {
      const { certificate } = await enrolment.join({ token, csr, hostname, clientIp })
      log.info({ agent: hostname, clientIp }, 'agent joined')
      return {
        certificate,
        hub_ca: authorities.bundle('hub-ca'),
        cluster: clusterName,
        instances: [options.instanceId],
      }
    } catch (error) {
      const reason = error instanceof JoinRefusal ? error.code : 'internal_error'
      const agent = typeof hostname === 'string' ? hostname.slice(0, 255) : null
      audit.record({ type: 'agent.rejected', success: false, reason, clientIp, fields: { agent } })
      log.warn({ agent, clientIp, error: messageOf(error) }, 'an agent could not join')
      throw error
    }
  }

  const tunnel: Tunnel = {
    candidates(app) {
      const found: LiveLink[] = []
      for (const hostname of app.agents) {
        const link = live.get(hostname)
        if (link?.usable && !isAgentLocked(hostname)) found.push(link)
      }
      found.sort((a, b) => a.streams - b.streams || a.turn - b.turn)
      if (hooks.route.empty) return found
      const routed = hooks.route(found, app)
      // A plugin may reorder and drop, never add.
      return routed.filter((link, at) => found.includes(link as LiveLink) && routed.indexOf(link) === at)
    },
    async dial(app, link) {
      const current = live.get(link.hostname)
      if (current !== link || !current.usable) {
        throw new DialError('MEZ_LINK_LOST', 'link_lost', `the link to ${link.hostname} is gone`)
      }
      if (!app.agents.includes(current.hostname) || isAgentLocked(current.hostname)) {
        throw new DialError(
          'MEZ_DIAL_FAILED',
          'agent_not_bound',
          `${link.hostname} may not serve ${app.name}`,
        )
      }
      turn += 1
      current.turn = turn
      try {
        return await dialThrough(current, app)
      } catch (error) {
        if (errors.size < ERRORS_KEPT) errors.set(link.hostname, messageOf(error))
        throw error
      }
    },
    async open(app) {
      let failure: unknown = new DialError(
        'MEZ_AGENT_NONE',
        'agent_none',
        `no agent of ${app.name} is connected`,
      )
      for (const link of tunnel.candidates(app)) {
        try {
          return await tunnel.dial(app, link)
        } catch (error) {
          failure = error
        }
      }
      throw failure
    },
    links: () => [...live.values()],
    lastError: (hostname) => errors.get(hostname) ?? null,
    disconnect: (hostname, reason) => live.get(hostname)?.destroy(reason),
  }

  function close(): void {
    draining = true
    for (const link of all) link.destroy('hub_stopping')
    for (const carrier of carriers) carrier.destroy()
  }

  return {
    ...tunnel,
    acceptTunnel,
    acceptJoin,
    routes: [
      tokenRoutes({ tokens, pin: () => authorities.pin(), publicAddr: options.publicAddr, clock }),
      agentRoutes({ agents, tunnel, catalog, changes }),
    ],
    async drain(signal) {
      draining = true
      const gone = [...all].map((link) => new Promise<void>((resolve) => link.session.once('close', resolve)))
      for (const link of all) {
        // GOAWAY tells the agent to open no more links here; streams under way go on.
        if (!link.session.destroyed) link.session.goaway()
        link.retire('hub_stopping')
      }
      await Promise.race([
        Promise.all(gone),
        new Promise<void>((resolve) => {
          if (signal.aborted) resolve()
          else signal.addEventListener('abort', () => resolve(), { once: true })
        }),
      ])
    },
    close,
  }
}
