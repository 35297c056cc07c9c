import type { Actor, Catalog, Clock, User, Users } from '@mezite/core'
import type { Intake } from './intake.ts'
import { PAGES } from './messages.ts'
import type { People } from './people.ts'
import { problems } from './problems.ts'
import { type AccessRequest, stateOf } from './request.ts'
import type { RequestRules } from './rules.ts'

/** Who decides about a request. */
export function createReviewers(parts: {
  readonly rules: RequestRules
  readonly people: People
  readonly catalog: Pick<Catalog, 'byId'>
  readonly users: Pick<Users, 'byName'>
  readonly clock: Clock
  readonly requireConfirmation: Intake['requireConfirmation']
}) {
  const { rules, people, catalog, users, clock, requireConfirmation } = parts

  function reviewerOf(request: AccessRequest, user: User) {
    if (people.hasAsked(request, user)) return null
    const { role, via, app } = request
    const wanted = { role, via, app: app === null ? null : (catalog.byId(app) ?? null) }
    return rules.reviewer(people.rolesOf(user.name), wanted)
  }

  return {
    /** Null: the person does not decide about it. */
    reviewerOf,
    /** Throws `Problem` unless the caller may decide now. Returns when the passkey was used, if one is needed. */
    requireReviewer(request: AccessRequest, user: User, by: Actor): number | null {
      if (people.hasAsked(request, user)) throw problems.own()
      const reviewer = by.subject.kind === 'session' ? reviewerOf(request, user) : null
      // Nobody learns of a request that is not theirs to decide or to see.
      if (reviewer === null)
        throw by.subject.roles.includes('admin') ? problems.noReviewer() : problems.unknown()
      const confirmed = reviewer.passkey ? requireConfirmation(user, by, `${PAGES}/${request.id}`) : null
      const state = stateOf(request, clock.now())
      if (state !== 'pending') throw problems.closed(state)
      return confirmed
    },
    /** Approvals count only while their authors may approve. */
    approvalsOf: (request: AccessRequest): number =>
      request.reviews.filter(({ reviewer_name }) => {
        const user = users.byName(reviewer_name)
        return user !== undefined && reviewerOf(request, user) !== null
      }).length,
  }
}
