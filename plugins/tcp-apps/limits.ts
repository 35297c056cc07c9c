/** Limits of one client, and deadlines. */
export const limits = {
  headerBytes: 16 * 1_024,
  headerLines: 64,
  /** Local programs that reset their connections are not an attack; this many resets at once are. */
  resets: 10_000,
  resetsPerSecond: 2_000,
  /** How long a refused client may open streams, to receive the reason. */
  refusedMs: 1_000,
  /** How long a closing connection may take to send its last frames. */
  closeMs: 200,
  /** How long to wait for a session that another hub has just opened. */
  learnMs: 5_000,
  heartbeatMs: 5_000,
  /** How often byte counts are checked, for the idle time and the last use of the session. */
  sweepMs: 500,
  /** Refused certificates recorded per minute, from one address and in total: strangers must not fill the audit. */
  complaintsPerAddress: 10,
  complaints: 120,
} as const
