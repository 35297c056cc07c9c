import { problemFor } from '../../api/reasons.ts'
import { createRateLimit } from '../../base/limits/rate-limit.ts'
import type { Clock } from '../../kernel/clock.ts'

/** Far above what a person does; scripts that sign somebody in for every call reach it. */
const SIGN_INS_PER_MINUTE = 120
const LAUNCHES_PER_MINUTE = 1_200

/** Limits how often one person opens sessions on this hub, from all addresses together. */
export interface SignInRate {
  /** Counts a sign-in of a browser or a command line. Throws `Problem` 429 `too_many_sign_ins`. */
  signIn(user: string): void
  /** Counts the session that opens one app. Throws `Problem` 429 `too_many_sign_ins`. */
  launch(user: string): void
}

/** Every session is a change that all hubs apply, so without a limit one person could slow the changes of everybody else. */
export function createSignInRate(clock: Clock): SignInRate {
  const rates = createRateLimit(clock)
  const count = (key: string, perMinute: number): void => {
    if (rates.take(key, perMinute)) return
    throw problemFor('too_many_sign_ins')
  }
  return {
    signIn: (user) => count(`sign-in ${user}`, SIGN_INS_PER_MINUTE),
    launch: (user) => count(`launch ${user}`, LAUNCHES_PER_MINUTE),
  }
}
