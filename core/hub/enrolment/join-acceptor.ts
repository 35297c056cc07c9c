import type { Duplex } from 'node:stream'
import type { Audit } from '../../api/audit.ts'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { JOIN_ALPN } from '../../wire/tunnel-protocol.ts'
import { addressKey } from '../limits/address-key.ts'
import { createRateLimit } from '../limits/rate-limit.ts'
import { receiveTls } from '../tunnel/tls-acceptor.ts'
import type { Enrolment } from './enrolment.ts'
import { JoinRefusal } from './join-refusal.ts'
import { type JoinBody, receiveJoin } from './join-request.ts'

/** Attempts of all addresses together. */
const JOINS_PER_MINUTE = 1_200

/** Takes byte streams of agents that join: rate limit, TLS without a client certificate, one question. */
export function createJoinReceiver(options: {
  readonly enrolment: Pick<Enrolment, 'join'>
  readonly authorities: Pick<Authorities, 'bundle' | 'hubIdentity'>
  readonly audit: Pick<Audit, 'record'>
  readonly clusterName: string
  readonly instanceId: string
  readonly joinsPerMinute: number
  readonly clock: Clock
  readonly log: Log
}): (raw: Duplex, from: { readonly clientIp: string }) => void {
  const { enrolment, authorities, audit, clusterName, instanceId, clock, log } = options
  const rates = createRateLimit(clock)
  const mayJoin = (clientIp: string): boolean =>
    rates.take(addressKey(clientIp), options.joinsPerMinute) && rates.take('*', JOINS_PER_MINUTE)

  async function join({ token, csr, hostname }: JoinBody, clientIp: string): Promise<object> {
    try {
      const { certificate } = await enrolment.join({ token, csr, hostname, clientIp })
      log.info({ agent: hostname, client_ip: clientIp }, 'agent joined')
      return {
        certificate,
        hub_ca: authorities.bundle('hub-ca'),
        cluster: clusterName,
        instances: [instanceId],
      }
    } catch (error) {
      const reason = error instanceof JoinRefusal ? error.code : 'internal_error'
      const agent = typeof hostname === 'string' ? hostname.slice(0, 255) : null
      audit.record({ type: 'agent.rejected', success: false, reason, clientIp, fields: { agent } })
      log.warn({ agent, client_ip: clientIp, error: messageOf(error) }, 'an agent could not join')
      throw error
    }
  }

  return (raw, { clientIp }) => {
    if (!mayJoin(clientIp)) {
      log.debug({ client_ip: clientIp }, 'too many attempts to join')
      return void raw.destroy()
    }
    receiveTls(raw, {
      authorities,
      alpn: JOIN_ALPN,
      clientAuthority: null,
      failed: (error) =>
        log.debug({ client_ip: clientIp, error: messageOf(error) }, 'no TLS with a joining agent'),
      secured: (socket) => receiveJoin(socket, (body) => join(body, clientIp)),
    })
  }
}
