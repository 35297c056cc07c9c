import { isMezError, reasonNamed } from '@mezite/core/agent'

/** Errors that retrying cannot solve. */
const FATAL = [
  'MEZ_TOKEN_REFUSED',
  'MEZ_PIN_MISMATCH',
  'MEZ_IDENTITY_MISSING',
  'MEZ_IDENTITY_UNREADABLE',
  'MEZ_DATA_DIR_UNWRITABLE',
] as const

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

/** The next step to log for a reason; undefined for one of a newer hub. */
export const nextStep = (reason: string): string | undefined => reasonNamed(reason)?.next

/** True if an agent that the hub did not greet should join again. */
export const doubtsIdentity = (reason: string): boolean => FIXED_BY_JOINING.includes(reason)

/** True if a link that the hub did not greet should be tried over another transport. */
export const isAboutTransport = (reason: string): boolean => ABOUT_TRANSPORT.includes(reason)
