import type { Actor, App, Catalog, Clock, Subject, User } from '@mezite/core'
import type { Messages } from './messages.ts'
import type { People } from './people.ts'
import { problems } from './problems.ts'
import { type AccessRequest, stateOf } from './request.ts'
import { BREAK_GLASS_MS, type Offer, type RequestRules, SHORTEST_MS } from './rules.ts'
import type { RequestStore } from './store.ts'
import { type Language, showDuration } from './texts.ts'

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
  /** Default: English. */
  readonly language?: Language
}

/** Checks of a new request and of its author. All throw `Problem`. */
export interface Intake {
  requireFewer(user: User): void
  /** The offer that fits. Throws the problem that says why none does. */
  offerFor(input: NewRequest, user: User): { readonly offer: Offer; readonly app: App | null }
  /** Whether the person who asked may still ask for this. */
  stillFits(request: AccessRequest, app: App | null): boolean
  /** When the caller used a passkey: lately, and for nothing else since. Null: not. */
  confirmationOf(user: User, subject: Subject): number | null
  /** As `confirmationOf`; `page`: where the person goes on after the confirmation. */
  requireConfirmation(user: User, by: Actor, page: string): number
}

export function createIntake(parts: {
  readonly store: Pick<RequestStore, 'recent'>
  readonly rules: RequestRules
  readonly people: People
  readonly messages: Pick<Messages, 'confirmUrl'>
  readonly catalog: Pick<Catalog, 'byName'>
  readonly clock: Clock
}): Intake {
  const { store, rules, people, messages, catalog, clock } = parts

  function confirmationOf(user: User, subject: Subject): number | null {
    const at = people.confirmedAt(subject)
    const spent = store
      .recent()
      .some(
        (one) =>
          one.reviews.some(({ reviewer, confirmed }) => reviewer === user.key && confirmed === at) ||
          (one.break_glass && one.user_key === user.key && one.created >= at),
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
    const own = store.recent().filter(({ user_key }) => user_key === user.key)
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
    const open = store
      .recent()
      .find(
        (one) =>
          one.user_key === user.key &&
          (app === null ? one.app === null && one.role === offer.role : one.app === app.id) &&
          stateOf(one, clock.now()) === 'pending',
      )
    if (open !== undefined && input.breakGlass !== true) throw problems.open(open)
    return { offer, app }
  }

  function stillFits(request: AccessRequest, app: App | null): boolean {
    const roles = people.rolesOf(request.user_name)
    const offers = app === null ? rules.forRole(roles, request.role) : rules.forApp(roles, app)
    return offers.some(
      ({ via, role }) => via === request.via && role === request.role && rules.roles.exists(role),
    )
  }

  return { requireFewer, offerFor, stillFits, confirmationOf, requireConfirmation }
}
