import { Problem } from '@mezite/core'
import type { Overload } from '@mezite/core/protocol'

/** The problem for a person, an app or an address at its limit; others are not affected. */
export function overloadProblem(reason: Overload | 'address_limit', app: string): Problem {
  if (reason === 'app_limit')
    return new Problem(
      503,
      reason,
      `${app} has reached its limit of concurrent requests. Try again in a moment.`,
    )
  const whose = reason === 'person_limit' ? 'You have' : 'This address has'
  return new Problem(429, reason, `${whose} too many requests under way. Wait for some of them to end.`)
}
