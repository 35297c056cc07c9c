import type { Actor, App, Catalog, Clock, Revisions, Subject, User, Users } from '@mezite/core'
import { v7 as uuidv7 } from 'uuid'
import { createBreakGlass } from './break-glass.ts'
import { createIntake, type NewRequest } from './intake.ts'
import { type Messages, PAGES } from './messages.ts'
import type { ReviewRow } from './migrations.ts'
import type { People } from './people.ts'
import { problems } from './problems.ts'
import { type AccessRequest, fieldsOf, stateOf } from './request.ts'
import { createRequestGrants, type Grants, type Running } from './request-grants.ts'
import { createReviewers } from './reviewers.ts'
import { isPerson, type RequestRules, SHORTEST_MS } from './rules.ts'
import { KIND, type RequestStore } from './store.ts'
import { showDuration } from './texts.ts'

export interface DeskParts {
  readonly store: RequestStore
  readonly rules: RequestRules
  readonly people: People
  readonly messages: Messages
  readonly revisions: Pick<Revisions, 'write'>
  readonly grants: Grants
  readonly catalog: Pick<Catalog, 'byName' | 'byId'>
  readonly users: Pick<Users, 'byName'>
  readonly clock: Clock
  /** How long a request can be approved. */
  readonly pendingMs: number
}

/** Takes requests and decisions about them. Every method throws `Problem`. */
export interface RequestDesk {
  /** `person`: who would have the access, if somebody else asks in their place; no token or bot, whose maker could then approve. */
  create(input: NewRequest, by: Actor, person?: User): Promise<AccessRequest>
  /** `forMs`: for less time than was asked for. `atMostMs`: for this time, or for what was asked for if that is less. */
  approve(
    id: string,
    by: Actor,
    time?: { readonly forMs?: number | undefined; readonly atMostMs?: number | undefined },
  ): Promise<AccessRequest>
  deny(id: string, by: Actor, reason: string | null): Promise<AccessRequest>
  /** The person who asked takes the request back, or ends the access. */
  cancel(id: string, by: Actor): Promise<AccessRequest>
  /** A reviewer or an administrator ends the access. */
  revoke(id: string, by: Actor): Promise<AccessRequest>
  /** Null: the person does not decide about it. */
  reviewerOf(request: AccessRequest, user: User): { readonly passkey: boolean } | null
  /** Whether the caller has a fresh confirmation with a passkey that is not used yet. */
  isConfirmed(subject: Subject): boolean
}

export function createRequestDesk(parts: DeskParts): RequestDesk {
  const { store, people, messages, revisions, catalog, users, clock } = parts
  const { requireFewer, offerFor, stillFits, confirmationOf, requireConfirmation } = createIntake(parts)
  const { reviewerOf, requireReviewer, approvalsOf } = createReviewers({ ...parts, requireConfirmation })
  const grants = createRequestGrants(parts)

  function personOf({ subject }: Actor): User {
    const user = isPerson(subject) ? users.byName(subject.user) : undefined
    if (user === undefined) throw problems.noPerson()
    return user
  }
  function appOf({ app, app_name }: AccessRequest): App | null {
    if (app === null) return null
    const found = catalog.byId(app)
    if (found === undefined) throw problems.appGone(app_name ?? app)
    return found
  }

  /** Runs a change of a stored request, and returns it as it is afterwards. */
  async function changing(
    id: string,
    by: Actor,
    body: (request: AccessRequest, at: Running) => Promise<void>,
  ) {
    if ((await store.find(id)) === undefined) throw problems.unknown()
    return revisions.write(async (trx, change) => {
      const request = await store.findIn(trx, id)
      if (request === undefined) throw problems.unknown()
      await body(request, { trx, change })
      change.touch(KIND, id)
      return (await store.findIn(trx, id)) as AccessRequest
    }, by)
  }

  const openAtOnce = createBreakGlass({ ...parts, offerFor, changing, grants })

  return {
    reviewerOf,
    isConfirmed: (subject) => {
      const user = users.byName(subject.user)
      return user !== undefined && confirmationOf(user, subject) !== null
    },
    async create(input, by, person) {
      const author = person !== undefined && by.subject.kind === 'operator' ? null : personOf(by)
      const user = person ?? personOf(by)
      const asker = author?.key === user.key ? null : by.subject.user
      const breakGlass = input.breakGlass === true
      // Also before the change, so that a flood waits for no turn.
      requireFewer(user)
      offerFor(input, user)
      if (breakGlass && by.subject.kind !== 'session') throw problems.noPerson()
      const created = await revisions.write(async (trx, change) => {
        requireFewer(user)
        const { offer, app } = offerFor(input, user)
        const now = clock.now()
        if (breakGlass) requireConfirmation(user, by, PAGES)
        const id = uuidv7()
        await store.insert(trx, {
          id,
          user_name: user.name,
          user_key: user.key,
          holder: user.holder,
          role: offer.role,
          via: offer.via,
          app: app?.id ?? null,
          app_name: app?.name ?? null,
          reason: input.reason,
          duration: input.durationMs,
          approvals: offer.approvals,
          break_glass: breakGlass,
          path: input.path ?? null,
          created: now,
          expires: now + parts.pendingMs,
          state: 'pending',
          closed: null,
          grant_id: null,
          until: null,
          used: null,
          language: input.language ?? 'en',
          asked_by: asker,
        })
        const request = (await store.findIn(trx, id)) as AccessRequest
        await change.audit({ type: 'access_request.created', success: true, by, fields: fieldsOf(request) })
        if (!breakGlass) await messages.asked(request, trx)
        else if (!messages.reachesSomebody(request)) throw problems.noNotifier()
        change.touch(KIND, id)
        return request
      }, by)
      return breakGlass ? openAtOnce(created, user, { input, by }) : created
    },

    approve: (id, by, { forMs, atMostMs = Number.POSITIVE_INFINITY } = {}) =>
      changing(id, by, async (request, running) => {
        const user = personOf(by)
        const confirmed = requireReviewer(request, user, by)
        const lasts = forMs ?? Math.min(atMostMs, request.duration)
        if (lasts < SHORTEST_MS) throw problems.tooShort()
        if (lasts > request.duration) throw problems.tooLong(showDuration(request.duration))
        const app = appOf(request)
        if (people.isLocked(request.user_name, request.role, app)) throw problems.requesterLocked()
        if (people.requester(request) === undefined || !stillFits(request, app))
          throw problems.requesterMayNot()
        // A role for some apps only gives no right of administration.
        if (request.app === null) by.mayGive?.({ roles: [request.role], to: request.user_name })
        await review(parts, { request, user, by, approves: true, reason: null, confirmed }, running)
        const { trx } = running
        // Somebody who allowed less time is not overruled by the next.
        if (approvalsOf(request) + 1 < request.approvals) {
          if (lasts < request.duration) await store.update(trx, id, { duration: lasts })
          return
        }
        await grants.start(request, lasts, by, running)
        await messages.decided(request, 'approved', trx)
      }),

    deny: (id, by, reason) =>
      changing(id, by, async (request, running) => {
        const user = personOf(by)
        const confirmed = requireReviewer(request, user, by)
        await review(parts, { request, user, by, approves: false, reason, confirmed }, running)
        await store.update(running.trx, id, { state: 'denied', closed: clock.now() })
        await messages.decided(request, 'denied', running.trx)
      }),

    cancel: (id, by) =>
      changing(id, by, async (request, running) => {
        const user = personOf(by)
        if (!people.isOf(request, user)) throw problems.unknown()
        const state = stateOf(request, clock.now())
        if (state === 'approved') return grants.end(request, 'ended', by, running)
        if (state !== 'pending') throw problems.closed(state)
        await store.update(running.trx, id, { state: 'cancelled', closed: clock.now() })
        const type = 'access_request.cancelled'
        await running.change.audit({ type, success: true, by, fields: fieldsOf(request) })
      }),

    revoke: (id, by) =>
      changing(id, by, async (request, running) => {
        const isAdmin = by.subject.roles.includes('admin')
        if (!isAdmin) {
          const user = personOf(by)
          if (reviewerOf(request, user) === null) throw problems.noReviewer()
        }
        const state = stateOf(request, clock.now())
        if (state !== 'approved') throw problems.notLive(state)
        await grants.end(request, 'revoked', by, running)
        await messages.decided(request, 'revoked', running.trx)
      }),
  }
}

/** Writes what a reviewer decides. Each person decides once, whichever account it is. */
async function review(
  { store, people, clock }: Pick<DeskParts, 'store' | 'people' | 'clock'>,
  given: Pick<ReviewRow, 'approves' | 'reason' | 'confirmed'> & {
    readonly request: AccessRequest
    readonly user: User
    readonly by: Actor
  },
  { trx, change }: Running,
): Promise<void> {
  const { request, user, by, ...answer } = given
  if (people.hasReviewed(request, user)) throw problems.reviewed()
  const reviewer = { reviewer: user.key, reviewer_name: user.name, time: clock.now() }
  await store.addReview(trx, { ...answer, ...reviewer, request: request.id })
  await change.audit({
    type: 'access_request.reviewed',
    success: true,
    by,
    fields: { ...fieldsOf(request), approves: answer.approves },
  })
}
