import type { Authorities } from '../../api/certificate-authorities.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import { addressKey } from '../../base/limits/address-key.ts'
import { createRateLimit } from '../../base/limits/rate-limit.ts'
import { RENEWAL_GRACE_MS, readAgentCertificate } from '../../gate/enrolment/agent-certificate.ts'
import type { JoinTokens } from '../../gate/enrolment/join-tokens.ts'
import type { Clock } from '../../kernel/clock.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import {
  type CarrierOpening,
  type CarrierProof,
  isMadeWith,
  isSignedBy,
  readCarrierProof,
} from '../../wire/carrier-proof.ts'

/** How far the time of a proof may be from the hub's clock, either way. */
const WINDOW_MS = 60_000
/** A proof of a fast clock is valid until its time has passed, so its nonce is kept for two windows. */
const KEPT_MS = 2 * WINDOW_MS
const MOST_NONCES = 100_000
/** Wrong proofs of one address in a minute; later ones are refused without a check. */
const FAILURES_PER_MINUTE = 600
/** Valid proofs of one agent, and of one join token, in a minute: neither can fill the table of nonces, which shuts everybody out. */
const PROOFS_PER_MINUTE = { agent: 600, join: 10_000 } as const
const LOOKUP_MS = 5_000

/** Decides which requests may open a carrier. */
export type CarrierGate = ReturnType<typeof createCarrierGate>

/** What proofs of carriers are checked with. */
export interface CarrierGateNeeds {
  readonly authorities: Pick<Authorities, 'issuerOf'>
  readonly joinTokens: Pick<JoinTokens, 'findHash'>
  readonly clusterName: string
  readonly config: { readonly proxy: { readonly limits: Pick<ProxyLimits, 'callsPerMinute'> } }
  readonly clock: Clock
}

/**
 * Keeps strangers away from the parsers of carriers. A proof admits only to the TLS handshake inside the carrier, where the
 * agent authenticates. Each hub remembers the nonces that it has seen.
 */
export function createCarrierGate(rooms: CarrierGateNeeds) {
  const { authorities, joinTokens, clusterName, clock } = rooms
  /** Wrong proofs of join tokens of one address in a minute: each is a query of the database. */
  const joinsPerMinute = rooms.config.proxy.limits.callsPerMinute.tokens
  const failures = createRateLimit(clock)
  /** Valid proofs, by the agent or the token. */
  const proofs = createRateLimit(clock)
  /** When each may be forgotten, oldest first, on the monotonic clock. */
  const nonces = new Map<string, number>()

  /** The name of the agent; null if the proof is not valid. */
  function provedAgent(
    proof: Extract<CarrierProof, { kind: 'agent' }>,
    opening: CarrierOpening,
  ): string | null {
    const issuerOf = (shown: typeof proof.certificate) => authorities.issuerOf('agent-ca', shown)
    const agent = readAgentCertificate(proof.certificate, clusterName, issuerOf)
    // An expired certificate can still be renewed, which needs a carrier.
    if (agent === null || agent.notAfter + RENEWAL_GRACE_MS <= clock.now()) return null
    return isSignedBy(proof.certificate.publicKey, proof, opening) ? agent.hostname : null
  }

  /** Only nonces of valid proofs are stored. */
  function isFirst(nonce: string): boolean {
    const now = clock.monotonic()
    for (const [old, until] of nonces) {
      if (until > now) break
      nonces.delete(old)
    }
    if (nonces.has(nonce) || nonces.size >= MOST_NONCES) return false
    nonces.set(nonce, now + KEPT_MS)
    return true
  }

  async function check(
    opening: CarrierOpening,
    authorization: string | undefined,
    clientIp: string,
  ): Promise<boolean> {
    const address = addressKey(clientIp)
    if (!failures.has(address, FAILURES_PER_MINUTE)) return false
    const proof = readCarrierProof(authorization)
    if (proof === null || Math.abs(proof.time * 1_000 - clock.now()) > WINDOW_MS) return false
    if (nonces.has(proof.nonce)) return false
    let proved: string | null
    if (proof.kind === 'agent') proved = provedAgent(proof, opening)
    else {
      if (!failures.has(`join ${address}`, joinsPerMinute)) return false
      const hash = await withDeadline(() => joinTokens.findHash(proof.tokenId), LOOKUP_MS)
      proved = hash !== null && isMadeWith(hash, proof, opening) ? proof.tokenId : null
      if (proved === null) failures.take(`join ${address}`, joinsPerMinute)
    }
    if (proved !== null)
      return proofs.take(`${proof.kind} ${proved}`, PROOFS_PER_MINUTE[proof.kind]) && isFirst(proof.nonce)
    failures.take(address, FAILURES_PER_MINUTE)
    return false
  }

  return {
    /**
     * Whether the `Authorization` header proves an agent of this cluster or a join token, for this request and for the first
     * time. Never rejects: a proof that cannot be checked does not count.
     */
    admits: (
      opening: CarrierOpening,
      authorization: string | undefined,
      { clientIp }: { readonly clientIp: string },
    ): Promise<boolean> => check(opening, authorization, clientIp).catch(() => false),
  }
}
