import type { Clock, Users } from '@mezite/core'
import type { Principal } from '@mezite/core/types'
import type { BotAgent } from './bots.ts'
import { problemFor } from './reasons.ts'

/** Whoever has not signed in for so long may have left, which only the provider knows. */
const LONGEST_ABSENCE_MS = 30 * 86_400_000

/** What finding the person needs. */
export interface PersonNeeds {
  readonly users: Pick<Users, 'byName' | 'rolesOf'>
  readonly clock: Clock
}

/** The person of an agent, who has agreed and still comes. Throws `Problem` 403. */
export function personFor({ person, holder }: BotAgent, { users, clock }: PersonNeeds): Principal {
  if (holder === null) throw problemFor('bot_without_consent')
  const user = users.byName(person)
  if (user === undefined || user.holder !== holder) throw problemFor('bot_without_person')
  const { name, connector, lastLogin } = user
  // Of somebody without a provider, the hub itself knows whether they have left.
  if (lastLogin !== null && clock.now() - lastLogin > LONGEST_ABSENCE_MS)
    throw problemFor('bot_person_absent')
  return { user: name, roles: users.rolesOf(name), kind: 'token', sessionId: null, satisfied: [], connector }
}
