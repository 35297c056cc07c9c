/** What one client may hold, and how long things may take. */
export const limits = {
  headerBytes: 16 * 1_024,
  headerLines: 64,
  /** Local programs that reset their connections are no attack; this many at once are. */
  resets: 10_000,
  resetsPerSecond: 2_000,
  /** How long a refused client may ask, so that it hears why. */
  refusedMs: 1_000,
  /** How long a closing connection may take to send its last frames. */
  closeMs: 200,
  /** How long to wait for news of a session that another hub opened a moment ago. */
  learnMs: 5_000,
  heartbeatMs: 5_000,
  /** How often bytes are looked at, for idle time and for the last use of the session. */
  sweepMs: 500,
  /** Refused certificates that are recorded in a minute, from one address and in all: strangers must not fill the audit. */
  complaintsPerAddress: 10,
  complaints: 120,
} as const
