import { isMezError } from '@mezite/core/agent'

/** Errors that retrying cannot solve. */
const FATAL = [
  'MEZ_TOKEN_REFUSED',
  'MEZ_PIN_MISMATCH',
  'MEZ_IDENTITY_MISSING',
  'MEZ_IDENTITY_UNREADABLE',
  'MEZ_DATA_DIR_UNWRITABLE',
] as const

/** The next step for each reason that a hub gives when it refuses or ends a link. */
const NEXT_STEPS: Readonly<Record<string, string>> = {
  agent_locked: 'An administrator has locked this agent. It reconnects by itself once the lock is removed.',
  agent_unknown: 'This agent was removed; join again with a new token.',
  certificate_authority_retired: 'The certificate is older than a key rotation; join again with a new token.',
  certificate_expired: 'The certificate has expired; join again with a new token.',
  certificate_superseded:
    'Another mezd has renewed the certificate; stop one of the two, or join with a new token.',
  relayed: 'Three other hubs have a link to this agent, and relay for this one.',
  replaced: 'Another mezd connects as this agent; stop one of the two.',
  transport_not_offered:
    'The hub does not offer this transport; correct `tunnel.transports` here or on the hub.',
  view_stale: 'The hub is catching up with its database; this agent retries by itself.',
}

/** Reasons that joining solves. An older hub may close before its greeting instead (`connection_lost`). */
const FIXED_BY_JOINING = [
  'agent_unknown',
  'certificate_authority_retired',
  'certificate_expired',
  'certificate_superseded',
  'connection_lost',
]

/** Reasons for which another transport may work. */
const ABOUT_TRANSPORT = ['transport_not_offered', 'connection_lost', 'no_greeting', 'protocol_error']

/** Whether an attempt to reach a hub failed for a reason that stays. */
export const isFatal = (error: unknown): boolean => FATAL.some((code) => isMezError(error, code))

/** The code in a hub's reason, or null if it is not a code. */
export function readReason(given: unknown): string | null {
  const text = Buffer.isBuffer(given) ? given.toString('latin1') : given
  return typeof text === 'string' && /^[a-z_]{1,64}$/.test(text) ? text : null
}

/** The next step to log for a reason; undefined if the agent retries by itself. */
export const nextStep = (reason: string): string | undefined =>
  Object.hasOwn(NEXT_STEPS, reason) ? NEXT_STEPS[reason] : undefined

/** True if an agent that the hub did not greet should join again. */
export const doubtsIdentity = (reason: string): boolean => FIXED_BY_JOINING.includes(reason)

/** True if a link that the hub did not greet should be tried over another transport. */
export const isAboutTransport = (reason: string): boolean => ABOUT_TRANSPORT.includes(reason)
