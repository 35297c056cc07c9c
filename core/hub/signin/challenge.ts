import type { Challenge, HubCalls, Reply } from '../../api/hub-hooks.ts'
import { MezError } from '../../kernel/error.ts'

const LONGEST = 8_192
/** Excludes spaces, control characters and backslashes, which browsers interpret in different ways. */
const PLAIN = /^[\x21-\x5b\x5d-\x7e]+$/

/**
 * Calls the taps of `access.challenge`. Their result must be a path of the sign-in host or an https URL; otherwise rejects
 * with `MEZ_HOOK_FAILED`.
 */
export function challengeThrough(
  hook: HubCalls['access']['challenge'],
  signInOrigin: string,
): (challenge: Challenge) => Promise<Reply | null> {
  return async (challenge) => {
    const answer: unknown = await hook(challenge)
    if (answer === null) return null
    const { location } = Object(answer) as { location?: unknown }
    if (typeof location === 'string' && location.length <= LONGEST && PLAIN.test(location)) {
      const url = URL.parse(location, signInOrigin)
      const path = location.startsWith('/') && url?.origin === signInOrigin
      if (path || (url?.protocol === 'https:' && /^https:\/\//i.test(location))) return { location }
    }
    throw new MezError('MEZ_HOOK_FAILED', 'a plugin returned an invalid URL from access.challenge')
  }
}
