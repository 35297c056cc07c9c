import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import type { Audit } from '../../api/audit.ts'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { HEARTBEAT_MS, PROTOCOL_VERSION, TUNNEL_ALPN } from '../../wire/tunnel-protocol.ts'
import { addressKey } from '../limits/address-key.ts'
import { createRateLimit } from '../limits/rate-limit.ts'
import { type AgentCertificate, readAgentCertificate } from './agent-certificate.ts'
import { LiveLink } from './link.ts'
import { sayRefused } from './link-refusal.ts'
import type { LiveLinks } from './link-registry.ts'
import { receiveTls } from './tls-acceptor.ts'

/** How long an agent may wait for views that are fresh enough to judge it by. Below its own patience of 10 s. */
const FRESH_MS = 8_000
const FRESH_POLL_MS = 250
/** Refused certificates that are recorded: strangers must not fill the audit log. */
const COMPLAINTS_PER_ADDRESS = 30
const COMPLAINTS_PER_MINUTE = 1_200

export interface LinkOrigin {
  readonly clientIp: string
  readonly transport: string
  /** Id of the hub that handed it on. */
  readonly via?: string
}

/**
 * Takes byte streams of agents: TLS, certificate, judgement, and then the link. While the views are stale nobody is
 * admitted, since the agent may have been removed; it waits a little, so that it is back at once when the
 * database is.
 */
export function createLinkReceiver(options: {
  readonly links: LiveLinks
  readonly authorities: Pick<Authorities, 'bundle' | 'hubIdentity' | 'issuerOf'>
  readonly revisions: Pick<Revisions, 'catchUp' | 'fresh'>
  readonly audit: Pick<Audit, 'record'>
  readonly clusterName: string
  readonly instanceId: string
  /** Ids of the hubs to which an agent keeps a link. */
  readonly instances: () => readonly string[]
  readonly hubVersion: string
  readonly draining: () => boolean
  readonly offers: (transport: string) => boolean
  readonly heartbeatMs?: number
  readonly helloMs?: number
  readonly clock: Clock
  readonly log: Log
}): (raw: Duplex, from: LinkOrigin) => void {
  const { links, authorities, revisions, audit, clusterName, instanceId, hubVersion, clock, log } = options
  const rates = createRateLimit(clock)
  const mayComplain = (clientIp: string): boolean =>
    rates.take(addressKey(clientIp), COMPLAINTS_PER_ADDRESS) && rates.take('*', COMPLAINTS_PER_MINUTE)
  const greeting = () => ({
    type: 'greeting',
    protocol: PROTOCOL_VERSION,
    cluster: clusterName,
    instance: instanceId,
    instances: options.instances(),
    version: hubVersion,
    heartbeat_ms: options.heartbeatMs ?? HEARTBEAT_MS,
  })

  /** Why not; null when the agent may connect. */
  async function admit(socket: TLSSocket, certificate: AgentCertificate): Promise<string | null> {
    if (revisions.fresh() && links.judge(certificate) === null) return null
    const until = clock.monotonic() + FRESH_MS
    while (true) {
      // The certificate may have been issued by another hub a moment ago, so a fresh view is read anew as well.
      const read = await revisions.catchUp().then(
        () => true,
        () => false,
      )
      if (read && revisions.fresh()) return links.judge(certificate)
      if (socket.destroyed || clock.monotonic() > until) return 'view_stale'
      await pause(FRESH_POLL_MS)
    }
  }

  return (raw, { clientIp, transport, via = null }) => {
    /** With a socket it is an agent of this cluster, which hears why. */
    const reject = (reason: string, hostname: string | null, socket?: TLSSocket): void => {
      if (socket && !socket.destroyed) sayRefused(socket, reason)
      else raw.destroy()
      const fields = { agent: hostname, transport }
      audit.record({ type: 'agent.rejected', success: false, reason, clientIp, fields })
      log.warn({ agent: hostname, client_ip: clientIp, reason }, 'agent rejected')
    }
    const open = (socket: TLSSocket, certificate: AgentCertificate): void => {
      const link = new LiveLink({
        socket,
        certificate,
        transport,
        clientIp,
        via,
        clock,
        greeting: greeting(),
        onReady: links.up,
        onMessage: links.told,
        onClosed: links.down,
        ...(options.helloMs === undefined ? {} : { helloMs: options.helloMs }),
        ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
      })
      links.all.add(link)
    }
    receiveTls(raw, {
      authorities,
      alpn: TUNNEL_ALPN,
      clientAuthority: 'agent-ca',
      failed: (error) => {
        log.debug({ client_ip: clientIp, error: messageOf(error) }, 'no TLS with an agent')
        if (error.cause === 'certificate' && mayComplain(clientIp)) reject('certificate_refused', null)
      },
      secured: (socket) => {
        const certificate = readAgentCertificate(socket, clusterName, (shown) =>
          authorities.issuerOf('agent-ca', shown),
        )
        if (!certificate) return reject('certificate_refused', null)
        if (!options.offers(transport)) return reject('transport_not_offered', certificate.hostname, socket)
        admit(socket, certificate)
          .then((refusal) => {
            const reason = options.draining() ? 'draining' : refusal
            if (reason) reject(reason, certificate.hostname, socket)
            else if (!socket.destroyed) open(socket, certificate)
          })
          .catch((error: unknown) => {
            log.error({ error: messageOf(error) }, 'an agent was not admitted')
            raw.destroy()
          })
      },
    })
  }
}
