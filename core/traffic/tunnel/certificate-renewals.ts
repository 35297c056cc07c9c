import type { Authorities } from '../../api/certificate-authorities.ts'
import { Problem } from '../../api/problem.ts'
import { createRateLimit } from '../../base/limits/rate-limit.ts'
import type { Enrolment } from '../../gate/enrolment/enrolment.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { Agents } from './agents.ts'
import type { LiveLink } from './link.ts'

/** Limits the renewals of one agent. Each is a change that all hubs read and that invalidates all cached decisions. */
const RENEWALS_PER_MINUTE = 10

export interface RenewalsNeeds {
  readonly authorities: Pick<Authorities, 'bundle'>
  readonly enrolment: Pick<Enrolment, 'renew' | 'confirm'>
  readonly clock: Clock
  readonly log: Log
}

/** Renews the certificates of agents, in answer to messages on their links. */
export function createCertificateRenewals(
  { authorities, enrolment, clock, log }: RenewalsNeeds,
  agents: Pick<Agents, 'get'>,
) {
  const renewing = new Set<LiveLink>()
  /** Serials being confirmed: an agent may repeat the message any number of times, and each would be a change. */
  const confirming = new Set<string>()
  const renewals = createRateLimit(clock)

  return {
    renew(link: LiveLink, csr: unknown): void {
      if (renewing.has(link)) return
      if (!renewals.take(link.hostname, RENEWALS_PER_MINUTE)) {
        link.send({ type: 'renew_refused', code: 'too_many_renewals' })
        return
      }
      renewing.add(link)
      enrolment
        .renew(link.hostname, link.certificate.serial, csr)
        .then(({ certificate }) =>
          link.send({ type: 'certificate', certificate, hub_ca: authorities.bundle('hub-ca') }),
        )
        .catch((error: unknown) => {
          const code = error instanceof Problem ? error.code : 'internal_error'
          log.warn({ agent: link.hostname, error: messageOf(error) }, 'failed to renew a certificate')
          link.send({ type: 'renew_refused', code })
        })
        .finally(() => renewing.delete(link))
    },
    /** Revokes the certificate before the link's. */
    confirm({ hostname, certificate: { serial } }: LiveLink): void {
      const agent = agents.get(hostname)
      if (!agent?.previousSerial || agent.serial !== serial || confirming.has(serial)) return
      confirming.add(serial)
      enrolment
        .confirm(hostname, serial)
        .catch((error) =>
          log.warn({ agent: hostname, error: messageOf(error) }, 'failed to confirm a renewal'),
        )
        .finally(() => confirming.delete(serial))
    },
  }
}
