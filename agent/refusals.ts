/** What a hub says about an agent or a link of it, and what somebody can do about it. */
const NEXT_STEPS: Readonly<Record<string, string>> = {
  agent_locked: 'An administrator has locked this agent; it comes back by itself once the lock is gone.',
  agent_unknown: 'This agent was removed; join it again with a new token.',
  certificate_authority_retired: 'The certificate is older than a key rotation; join again with a new token.',
  certificate_expired: 'The certificate has expired; join again with a new token.',
  certificate_superseded:
    'Another mezd has renewed the certificate; stop one of the two, or join with a new token.',
  replaced: 'Another mezd connects as this agent; stop one of the two.',
  transport_not_offered:
    'The hub does not offer this transport; correct `tunnel.transports` here or at the hub.',
  view_stale: 'The hub is catching up with its database; this agent tries again by itself.',
}

/** What a join token mends; a connection that is lost before the greeting may be an older hub's way to say the same. */
const MENDED_BY_JOINING = [
  'agent_unknown',
  'certificate_authority_retired',
  'certificate_expired',
  'certificate_superseded',
  'connection_lost',
]

/** The code in what a hub gives as its reason; null: it gives none that could be one. */
export function readReason(given: unknown): string | null {
  const text = Buffer.isBuffer(given) ? given.toString('latin1') : given
  return typeof text === 'string' && /^[a-z_]{1,64}$/.test(text) ? text : null
}

/** What to do about a reason, for the log; undefined: nothing, it passes. */
export const nextStep = (reason: string): string | undefined =>
  Object.hasOwn(NEXT_STEPS, reason) ? NEXT_STEPS[reason] : undefined

/** True when an agent that the hub has not greeted had better join anew. */
export const doubtsIdentity = (reason: string): boolean => MENDED_BY_JOINING.includes(reason)
