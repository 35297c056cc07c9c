import type {
  Actor,
  App,
  Catalog,
  Change,
  Clock,
  grants,
  Revisions,
  ServiceRef,
  Subject,
  Transaction,
  User,
  Users,
} from '@mezite/core'
import { v7 as uuidv7 } from 'uuid'
import { type Messages, PAGES } from './messages.ts'
import type { People } from './people.ts'
import { problems } from './problems.ts'
import { type AccessRequest, stateOf } from './request.ts'
import { BREAK_GLASS_MS, isPerson, type Offer, type RequestRules, SHORTEST_MS, type Wanted } from './rules.ts'
import { KIND, type RequestStore } from './store.ts'
import { showDuration } from './texts.ts'

type Grants = typeof grants extends ServiceRef<infer G> ? G : never

const HOUR_MS = 3_600_000
/** Requests of one person in an hour, and waiting at a time. */
const MOST_IN_AN_HOUR = 30
const MOST_WAITING = 10
/** How old a confirmation with a passkey may be. */
const FRESH_MS = 5 * 60_000

/** What a person asks for: an app, or a role everywhere. */
export interface NewRequest {
  readonly app?: string | undefined
  readonly role?: string | undefined
  readonly durationMs: number
  readonly reason: string
  /** Path and query at the app where the person goes on. */
  readonly path?: string | null
  readonly breakGlass?: boolean
}

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
  create(input: NewRequest, by: Actor): Promise<AccessRequest>
  /** `forMs`: for less time than was asked for. */
  approve(id: string, by: Actor, forMs?: number): Promise<AccessRequest>
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

interface Running {
  readonly trx: Transaction
  readonly change: Change
}

export function createRequestDesk(parts: DeskParts): RequestDesk {
  const { store, rules, people, messages, revisions, grants, catalog, users, clock } = parts

  function personOf({ subject }: Actor): User {
    const user = isPerson(subject) ? users.byName(subject.user) : undefined
    if (user === undefined) throw problems.noPerson()
    return user
  }
  const wantedOf = ({ role, via, app }: AccessRequest): Wanted => ({
    ...{ role, via },
    app: app === null ? null : (catalog.byId(app) ?? null),
  })
  function appOf({ app, appName }: AccessRequest): App | null {
    if (app === null) return null
    const found = catalog.byId(app)
    if (found === undefined) throw problems.appGone(appName ?? app)
    return found
  }

  function reviewerOf(request: AccessRequest, user: User) {
    if (people.same(request, user)) return null
    return rules.reviewer(people.rolesOf(user.name), wantedOf(request))
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

  function requirePending(request: AccessRequest): void {
    const state = stateOf(request, clock.now())
    if (state !== 'pending') throw problems.closed(state)
  }

  /** The caller as a reviewer of the request. Returns when the passkey was used, if one is needed. */
  function requireReviewer(request: AccessRequest, by: Actor): { user: User; confirmed: number | null } {
    const user = personOf(by)
    if (people.same(request, user)) throw problems.own()
    const reviewer = by.subject.kind === 'session' ? reviewerOf(request, user) : null
    // Nobody learns of a request that is not theirs to decide or to see.
    if (reviewer === null)
      throw by.subject.roles.includes('admin') ? problems.noReviewer() : problems.unknown()
    const confirmed = reviewer.passkey ? requireConfirmation(user, by, `${PAGES}/${request.id}`) : null
    return { user, confirmed }
  }

  /** When the caller used a passkey: lately, and for nothing else since. Null: not. */
  function confirmationOf(user: User, subject: Subject): number | null {
    const at = people.confirmedAt(subject)
    const spent = store
      .recent()
      .some(
        (one) =>
          one.reviews.some(({ reviewer, confirmed }) => reviewer === user.key && confirmed === at) ||
          (one.breakGlass && one.key === user.key && one.created >= at),
      )
    return at < clock.now() - FRESH_MS || spent ? null : at
  }
  function requireConfirmation(user: User, { subject }: Actor, page: string): number {
    const at = confirmationOf(user, subject)
    if (at === null) throw problems.confirm(messages.confirmUrl(page))
    return at
  }

  function requireFewer(user: User): void {
    const now = clock.now()
    const own = store.recent().filter(({ key }) => key === user.key)
    if (own.filter((one) => stateOf(one, now) === 'pending').length >= MOST_WAITING)
      throw problems.tooMany('You have too many requests that wait. Cancel some first.')
    if (own.filter(({ created }) => created > now - HOUR_MS).length >= MOST_IN_AN_HOUR)
      throw problems.tooMany('You have asked too often in the last hour. Try again later.')
  }

  function targetOf({ app: name, role }: NewRequest): { what: string; app: App | null } {
    if (name === undefined) return { what: `the role ${role}`, app: null }
    const app = catalog.byName(name)
    // Whether there is such an app is nobody's business who may not ask for it.
    if (app === undefined) throw problems.notRequestable(name)
    return { what: name, app }
  }

  /** The offer that fits. Throws the problem that says why none does. */
  function offerFor(input: NewRequest, user: User): { offer: Offer; app: App | null } {
    const { what, app } = targetOf(input)
    const roles = people.rolesOf(user.name)
    const offers = app === null ? rules.forRole(roles, input.role ?? '') : rules.forApp(roles, app)
    if (app !== null && offers.length === 0 && rules.roles.reach(roles, app).denied && rules.asks(roles))
      throw problems.denied(what)
    if (offers.length === 0) throw problems.notRequestable(what)
    if (app !== null && rules.roles.reach(roles, app).allowed) throw problems.already(what)
    if (app === null && roles.includes(input.role ?? '')) throw problems.already(what)
    if (app === null && !rules.roles.exists(input.role ?? '')) throw problems.notRequestable(what)
    if (input.durationMs < SHORTEST_MS) throw problems.tooShort()
    const able = input.breakGlass === true ? offers.filter(({ breakGlass }) => breakGlass) : offers
    if (able.length === 0) throw problems.noBreakGlass(what)
    const longest = (one: Offer) =>
      input.breakGlass === true ? Math.min(one.maxMs, BREAK_GLASS_MS) : one.maxMs
    const offer = able.find((one) => input.durationMs <= longest(one))
    if (offer === undefined) throw problems.tooLong(showDuration(Math.max(...able.map(longest))))
    if (input.reason === '' && (offer.reasonRequired || input.breakGlass === true))
      throw problems.reasonNeeded()
    if (people.isLocked(user.name, offer.role, app)) throw problems.locked()
    return { offer, app }
  }

  /** Starts the grant, in the change that approves. */
  async function grant(
    request: AccessRequest,
    forMs: number,
    by: Actor,
    { trx, change }: Running,
  ): Promise<void> {
    const now = clock.now()
    const fields = {
      ...{ request: request.id, app: request.appName, request_reason: request.reason },
      ...{ break_glass: request.breakGlass },
    }
    const started = await grants.start(
      {
        ...{ user: request.user, role: request.role, until: now + forMs, fields },
        apps: request.app === null ? null : [request.app],
      },
      by,
      { trx, change },
    )
    const { id: grant_id, until } = started
    await store.update(trx, request.id, { state: 'approved', grant_id, until })
  }

  async function end(
    request: AccessRequest,
    how: 'ended' | 'revoked',
    by: Actor | null,
    { trx, change }: Running,
  ): Promise<void> {
    const { id, grantId } = request
    if (grantId !== null)
      await grants.end([grantId], how === 'ended' ? 'released' : 'revoked', by, {
        ...{ within: { trx, change }, fields: { request: id } },
      })
    await store.update(trx, id, { state: how, closed: clock.now() })
  }

  const fieldsOf = (request: AccessRequest) => ({
    ...{ request: request.id, name: request.user, role: request.role, app: request.appName },
    ...{ request_reason: request.reason, break_glass: request.breakGlass },
  })

  return {
    reviewerOf,
    isConfirmed: (subject) => {
      const user = users.byName(subject.user)
      return user !== undefined && confirmationOf(user, subject) !== null
    },
    async create(input, by) {
      const user = personOf(by)
      const breakGlass = input.breakGlass === true
      // Also before the change, so that a flood waits for no turn.
      requireFewer(user)
      offerFor(input, user)
      if (breakGlass && by.subject.kind !== 'session') throw problems.noPerson()
      return revisions.write(async (trx, change) => {
        requireFewer(user)
        const { offer, app } = offerFor(input, user)
        const now = clock.now()
        if (breakGlass) requireConfirmation(user, by, PAGES)
        const id = uuidv7()
        const open = store
          .recent()
          .find(
            (one) =>
              one.key === user.key &&
              (app === null ? one.app === null && one.role === offer.role : one.app === app.id) &&
              stateOf(one, now) === 'pending',
          )
        if (open !== undefined && !breakGlass) throw problems.open(open)
        await store.insert(trx, {
          ...{ id, user_name: user.name, user_key: user.key, holder: user.holder },
          ...{ role: offer.role, via: offer.via, app: app?.id ?? null, app_name: app?.name ?? null },
          ...{ reason: input.reason, duration: input.durationMs, approvals: offer.approvals },
          ...{ break_glass: breakGlass, path: input.path ?? null, created: now },
          ...{ expires: now + parts.pendingMs, state: 'pending', closed: null },
          ...{ grant_id: null, until: null, used: null },
        })
        const request = (await store.findIn(trx, id)) as AccessRequest
        await change.audit({ type: 'access_request.created', success: true, by, fields: fieldsOf(request) })
        if (breakGlass) {
          if (!(await messages.brokeGlass(request, trx))) throw problems.notNotified()
          await grant(request, input.durationMs, by, { trx, change })
        } else await messages.asked(request, trx)
        change.touch(KIND, id)
        return (await store.findIn(trx, id)) as AccessRequest
      }, by)
    },

    approve: (id, by, forMs) =>
      changing(id, by, async (request, running) => {
        const { user, confirmed } = requireReviewer(request, by)
        requirePending(request)
        const lasts = forMs ?? request.durationMs
        if (lasts < SHORTEST_MS) throw problems.tooShort()
        if (lasts > request.durationMs) throw problems.tooLong(showDuration(request.durationMs))
        const asker = people.requester(request)
        if (asker === undefined) throw problems.requesterGone()
        const app = appOf(request)
        if (people.isLocked(request.user, request.role, app)) throw problems.requesterLocked()
        if (!stillAsks(request, app)) throw problems.requesterMayNot()
        if (request.reviews.some(({ reviewer }) => reviewer === user.key)) throw problems.reviewed()
        const { trx, change } = running
        await store.addReview(trx, {
          ...{ request: id, reviewer: user.key, reviewer_name: user.name, approves: true },
          ...{ reason: null, time: clock.now(), confirmed },
        })
        await change.audit({
          ...{ type: 'access_request.reviewed', success: true, by },
          fields: { ...fieldsOf(request), approves: true },
        })
        // An approval counts only while its author may approve.
        const standing = request.reviews.filter((one) => stands(request, one.reviewerName))
        // Somebody who allowed less time is not overruled by the next.
        if (standing.length + 1 < request.approvals) {
          if (lasts < request.durationMs) await store.update(trx, id, { duration: lasts })
          return
        }
        await grant(request, lasts, by, running)
        await messages.decided(request, 'approved', trx)
      }),

    deny: (id, by, reason) =>
      changing(id, by, async (request, { trx, change }) => {
        const { user, confirmed } = requireReviewer(request, by)
        requirePending(request)
        if (request.reviews.some(({ reviewer }) => reviewer === user.key)) throw problems.reviewed()
        await store.addReview(trx, {
          ...{ request: id, reviewer: user.key, reviewer_name: user.name, approves: false },
          ...{ reason, time: clock.now(), confirmed },
        })
        await store.update(trx, id, { state: 'denied', closed: clock.now() })
        await change.audit({
          ...{ type: 'access_request.reviewed', success: true, by },
          fields: { ...fieldsOf(request), approves: false },
        })
        await messages.decided(request, 'denied', trx)
      }),

    cancel: (id, by) =>
      changing(id, by, async (request, running) => {
        const user = personOf(by)
        if (request.key !== user.key || request.holder !== user.holder) throw problems.unknown()
        const state = stateOf(request, clock.now())
        if (state === 'approved') return end(request, 'ended', by, running)
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
        await end(request, 'revoked', by, running)
        await messages.decided(request, 'revoked', running.trx)
      }),
  }

  /** Whether the person who asked may still ask for this. */
  function stillAsks(request: AccessRequest, app: App | null): boolean {
    const roles = people.rolesOf(request.user)
    const offers = app === null ? rules.forRole(roles, request.role) : rules.forApp(roles, app)
    return offers.some(
      ({ via, role }) => via === request.via && role === request.role && rules.roles.exists(role),
    )
  }

  function stands(request: AccessRequest, reviewer: string): boolean {
    const user = users.byName(reviewer)
    return user !== undefined && reviewerOf(request, user) !== null
  }
}
