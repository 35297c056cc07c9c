import { Problem } from '@mezite/core'
import type { Overload } from '@mezite/core/protocol'

/** What somebody is told who has reached a cap; another person, or another app, goes on. */
export function overloadProblem(reason: Overload | 'address_limit', app: string): Problem {
  if (reason === 'app_limit')
    return new Problem(503, reason, `${app} has as many requests under way as it may have.`)
  const whose = reason === 'person_limit' ? 'You have' : 'This address has'
  return new Problem(429, reason, `${whose} too many requests under way. Wait for some of them to end.`)
}
