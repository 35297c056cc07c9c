import type { Actor, Clock, User } from '@mezite/core'
import type { Intake, NewRequest } from './intake.ts'
import type { Messages } from './messages.ts'
import { problems } from './problems.ts'
import { type AccessRequest, fieldsOf, stateOf } from './request.ts'
import type { createRequestGrants, Running } from './request-grants.ts'
import type { RequestStore } from './store.ts'

interface BreakGlassParts {
  readonly store: Pick<RequestStore, 'update'>
  readonly messages: Pick<Messages, 'brokeGlass'>
  readonly clock: Clock
  readonly offerFor: Intake['offerFor']
  readonly grants: Pick<ReturnType<typeof createRequestGrants>, 'start'>
  /** Runs a change of a stored request, and returns it as it is afterwards. */
  readonly changing: (
    id: string,
    by: Actor,
    body: (request: AccessRequest, at: Running) => Promise<void>,
  ) => Promise<AccessRequest>
}

/**
 * Starts the access of a request without approval, once a receiver has accepted the notification of it; until then it is a
 * request like others. Throws `break_glass_not_notified` and closes the request if none does.
 */
export function createBreakGlass({ store, messages, clock, offerFor, grants, changing }: BreakGlassParts) {
  return async (
    created: AccessRequest,
    user: User,
    { input, by }: { readonly input: NewRequest; readonly by: Actor },
  ): Promise<AccessRequest> => {
    const accepted = await messages.brokeGlass(created)
    const opened = await changing(created.id, by, async (request, running) => {
      const state = stateOf(request, clock.now())
      if (state === 'approved') return
      if (state !== 'pending') throw problems.closed(state)
      if (accepted) {
        // Roles and locks may have changed meanwhile.
        if (offerFor(input, user).offer.role !== created.role) throw problems.requesterMayNot()
        return grants.start(request, request.duration, by, running)
      }
      await store.update(running.trx, created.id, { state: 'cancelled', closed: clock.now() })
      const fields = { ...fieldsOf(request), cause: problems.notNotified().code }
      await running.change.audit({ type: 'access_request.cancelled', success: true, by, fields })
    })
    if (opened.grant_id === null) throw problems.notNotified()
    return opened
  }
}
