import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import type { Audit } from '../../api/audit.ts'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { ReasonCode } from '../../api/reasons.ts'
import type { Revisions } from '../../api/revisions.ts'
import { addressKey } from '../../base/limits/address-key.ts'
import { createRateLimit } from '../../base/limits/rate-limit.ts'
import { type AgentCertificate, readAgentCertificate } from '../../gate/enrolment/agent-certificate.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { Registry } from '../../state/hubs/live-hubs.ts'
import { REASON_HEADER } from '../../wire/dial-headers.ts'
import { releaseListeners } from '../../wire/listener-release.ts'
import { acceptTls } from '../../wire/tls-acceptor.ts'
import { HEARTBEAT_MS, PROTOCOL_VERSION, TUNNEL_ALPN } from '../../wire/tunnel-protocol.ts'
import { connectAgent, type LinkTimes, LiveLink } from './link.ts'
import type { LiveLinks } from './link-registry.ts'

/** How long an agent waits for a fresh view of the agents. Below its own deadline of 8.5 s. */
const FRESH_MS = 7_500
const FRESH_POLL_MS = 250
/** Limits the audit events of refused certificates: strangers must not be able to fill the audit log. */
const COMPLAINTS_PER_ADDRESS = 30
const COMPLAINTS_PER_MINUTE = 1_200

export interface LinkOrigin {
  readonly clientIp: string
  /** Name of the transport; missing when a hub with an older version forwarded the connection. */
  readonly transport?: string
  /** Id of the hub that forwarded the connection. */
  readonly via?: string
  /** Called once the certificate of the agent is accepted. */
  readonly authenticated?: () => void
}

/** What links are accepted with. */
export interface AcceptorNeeds {
  readonly audit: Pick<Audit, 'record'>
  readonly authorities: Authorities
  readonly clusterName: string
  readonly hubVersion: string
  readonly instanceId: string
  readonly registry: Pick<Registry, 'hubsOf' | 'relays'>
  readonly revisions: Pick<Revisions, 'fresh' | 'catchUp'>
  readonly clock: Clock
  readonly log: Log
}

/**
 * Accepts the connections of agents: TLS, certificate, a fresh view, then the link. An agent does not get a link while the
 * view is stale, since it may have been removed; it waits briefly, so that it connects as soon as the database is back.
 */
export function createLinkAcceptor(
  rooms: AcceptorNeeds,
  links: LiveLinks,
  tunnel: {
    readonly draining: () => boolean
    readonly offers: (transport: string) => boolean
    readonly times: LinkTimes
  },
): (raw: Duplex, from: LinkOrigin, secured: () => void) => void {
  const { audit, authorities, clusterName, instanceId, hubVersion, registry, revisions, clock, log } = rooms
  const { draining, offers, times } = tunnel
  const rates = createRateLimit(clock)
  const mayComplain = (clientIp: string): boolean =>
    rates.take(addressKey(clientIp), COMPLAINTS_PER_ADDRESS) && rates.take('*', COMPLAINTS_PER_MINUTE)
  const greeting = (hostname: string) => {
    const hubs = registry.hubsOf(hostname)
    // Among few hubs, an agent keeps its link to this one even while it is not reachable.
    const own = registry.relays ? [] : [instanceId]
    return {
      type: 'greeting',
      protocol: PROTOCOL_VERSION,
      cluster: clusterName,
      instance: instanceId,
      instances: [...new Set([...own, ...hubs.keys()])],
      addresses: Object.fromEntries(hubs),
      version: hubVersion,
      heartbeat_ms: times.heartbeatMs ?? HEARTBEAT_MS,
    }
  }

  /** Why the agent is refused; null: it gets a link. */
  async function refusalOf(socket: TLSSocket, certificate: AgentCertificate): Promise<ReasonCode | null> {
    if (revisions.fresh() && links.refusalOf(certificate) === null) return null
    const until = clock.monotonic() + FRESH_MS
    while (true) {
      // Another hub may have issued the certificate a moment ago, so even a fresh view is read again.
      const read = await revisions.catchUp().then(
        () => true,
        () => false,
      )
      if (read && revisions.fresh()) return links.refusalOf(certificate)
      if (socket.destroyed || clock.monotonic() > until) return 'view_stale'
      await pause(FRESH_POLL_MS)
    }
  }

  return (raw, { clientIp, transport = 'unknown', via = null, authenticated }, secured) => {
    /** `socket`: given for an agent of this cluster, which is sent the reason. */
    const reject = (reason: ReasonCode, hostname: string | null, socket?: TLSSocket): void => {
      if (socket && !socket.destroyed) refuseLink(socket, reason)
      else raw.destroy()
      const fields = { agent: hostname, transport }
      audit.record({ type: 'agent.rejected', success: false, reason, clientIp, fields })
      log.warn({ agent: hostname, client_ip: clientIp, reason }, 'agent rejected')
    }
    const open = (socket: TLSSocket, certificate: AgentCertificate): void => {
      authenticated?.()
      const link = new LiveLink({
        socket,
        certificate,
        transport,
        clientIp,
        via,
        clock,
        greeting: greeting(certificate.hostname),
        onReady: links.up,
        onMessage: links.receive,
        onClosed: links.down,
        times,
      })
      links.all.add(link)
    }
    acceptTls(raw, {
      authorities,
      alpn: TUNNEL_ALPN,
      agentCertificate: 'required',
      failed: (error) => {
        log.debug({ client_ip: clientIp, error: messageOf(error) }, 'TLS with an agent failed')
        if (error.cause === 'certificate' && mayComplain(clientIp)) reject('certificate_refused', null)
      },
      secured: (socket) => {
        secured()
        const certificate = readAgentCertificate(socket.getPeerX509Certificate(), clusterName, (shown) =>
          authorities.issuerOf('agent-ca', shown),
        )
        if (!certificate || !socket.authorized) return reject('certificate_refused', null)
        if (!offers(transport)) return reject('transport_not_offered', certificate.hostname, socket)
        refusalOf(socket, certificate)
          .then((refusal) => {
            const reason = draining() ? 'draining' : refusal
            if (reason) reject(reason, certificate.hostname, socket)
            else if (!socket.destroyed) open(socket, certificate)
          })
          .catch((error: unknown) => {
            log.error({ error: messageOf(error) }, 'failed to open a link')
            raw.destroy()
          })
      },
    })
  }
}

/** How long an agent has to read the reason. */
const CLOSE_MS = 1_000

/**
 * Sends an agent the reason why it is refused, then closes. The reason is sent on a stream and not in a GOAWAY frame:
 * older agents treat GOAWAY as a stopping hub, and would not try their join token on a hub that has removed them.
 */
function refuseLink(socket: TLSSocket, reason: string): void {
  const end = (): void => void socket.destroy()
  const deadline = setTimeout(end, CLOSE_MS)
  const session = connectAgent(socket, { settings: { enablePush: false } })
  session.on('error', end)
  session.once('close', end)
  releaseListeners(session)
  socket.once('close', () => {
    clearTimeout(deadline)
    session.destroy()
  })
  const stream = session.request({ ':method': 'POST', ':path': '/v1/refused', [REASON_HEADER]: reason })
  stream.on('error', end)
  stream.once('close', end)
}
