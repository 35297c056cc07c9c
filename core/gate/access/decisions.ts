import type { AccessQuery, Decision, ReceivedRequest, Vote } from '../../api/decision.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Subject } from '../../api/subject.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Ballots, HookCalls } from '../../kernel/hook.ts'
import type { Log } from '../../kernel/log.ts'
import { RequestQuery, readAccessRequest } from './access-request.ts'
import { Ballot, type Count, countBallots, decisionOf, denied, type KindOf } from './ballots.ts'
import type { Lock, Locks } from './lock.ts'
import type { Requirements } from './requirements.ts'

/** Decides about access from policies, locks and requirements. Only the gate calls it. */
export interface Decisions {
  /**
   * Checks locks, then asks all `access.decide` taps. When every tap is pure, the decision is cached by (subject, app, revision,
   * kinds of request) and synchronous. Never throws and never rejects: a failure is a denial. Does not check freshness.
   */
  decide(query: AskedQuery): Decision | Promise<Decision>
}

/** The question of the gate, with the request as it was received. */
export interface AskedQuery extends Omit<AccessQuery, 'request'> {
  readonly received?: ReceivedRequest | null | undefined
}

/** What is remembered of one subject and app. */
interface Entry {
  readonly revision: number
  readonly app: AccessQuery['app']
  readonly protocol: string
  readonly clientIp: string | null
  /** Sorts requests, if the decision depends on them. */
  readonly kindOf: KindOf | null
  /** What was decided; by kinds of request with `kindOf`. */
  readonly kept: Kept | Map<unknown, Kept>
}

interface Kept {
  readonly count: Count
  /** Set when the decision does not depend on requirements, and so not on the clock. */
  readonly decision: Decision | null
}

/** Kinds of request for one subject and app. */
const MOST_KINDS = 1_024

interface DecisionsNeeds {
  /** Asks the policies. Only decisions and their explanation may. */
  readonly decide: HookCalls<HubHooks>['access']['decide']
  readonly requirements: Requirements
  readonly locks: Pick<Locks, 'lockFor'>
  readonly revisions: Pick<Revisions, 'revision'>
  readonly clock: Clock
  readonly log: Log
}

/**
 * Counts the ballots. Results are cached by subject object (which a session keeps while nothing changes) and app, for one
 * revision. Locks and requirements are checked each time, because they depend on the clock. A plugin that votes after
 * its ballot was counted is not trusted again until the hub restarts: each of its ballots fails.
 */
export function createDecisions(rooms: DecisionsNeeds): Decisions {
  const { decide: vote, requirements: kinds, locks, revisions, clock, log } = rooms
  let cache = new WeakMap<Subject, Map<string, Entry>>()
  const late = new Set<string>()

  const isCurrent = ({ until }: Count) => until === Number.POSITIVE_INFINITY || until > clock.now()

  function newBallot(plugin: string, query: RequestQuery): Ballot {
    if (late.has(plugin)) throw new Error('the policy voted after an earlier decision')
    return new Ballot(kinds, query, () => {
      if (late.has(plugin)) return
      late.add(plugin)
      // The ignored votes may have been denials.
      cache = new WeakMap()
      log.error(
        { plugin },
        'a policy voted after the decision: it denies everything until the hub is restarted',
      )
    })
  }

  function decide(given: AskedQuery): Decision | Promise<Decision> {
    const { subject, app, context, received = null } = given
    try {
      const lock = locks.lockFor(subject, app)
      if (lock !== null) return locked(lock)
      const { revision } = revisions
      let known = cache.get(subject)?.get(app.id)
      if (
        known?.revision === revision &&
        known.app === app &&
        known.protocol === context.protocol &&
        known.clientIp === context.clientIp
      ) {
        const kept = known.kindOf === null ? (known.kept as Kept) : keptFor(known, received)
        if (kept !== undefined && isCurrent(kept.count))
          return kept.decision ?? decisionFrom(kept.count, given)
      } else known = undefined
      const query = new RequestQuery(given, received)
      const ballots = vote(query, (plugin) => newBallot(plugin, query))
      if (ballots instanceof Promise) {
        return ballots.then(
          (late) => decideLater(query, late),
          (error: unknown) => failed(error),
        )
      }
      const count = countOf(query, ballots)
      const decision = decisionFrom(count, query)
      if (vote.pure && ballots.failed.length === 0 && !RequestQuery.isAsked(query))
        keep(query, revision, count, decision, known)
      return decision
    } catch (error) {
      return failed(error)
    }
  }

  function countOf(query: RequestQuery, ballots: Ballots<Vote>): Count {
    for (const { plugin, error } of ballots.failed) {
      log.error({ plugin, cause: messageOf(error) }, 'a policy failed, so access was denied')
    }
    const count = countBallots(ballots, query.subject.roles, kinds, clock.now())
    return RequestQuery.isAsked(query) || count.kindsOf.length > 0 ? { ...count, byRequest: true } : count
  }

  function decisionFrom(count: Count, { subject, app }: Pick<AccessQuery, 'subject' | 'app'>): Decision {
    const decision = decisionOf(count, subject.satisfied, { appId: app.id, now: clock.now() }, kinds)
    return count.byRequest ? Object.freeze({ ...decision, byRequest: true }) : decision
  }

  /** A lock may have been created while a tap waited. */
  function decideLater(query: RequestQuery, ballots: Ballots<Vote>): Decision {
    const { subject, app } = query
    try {
      const lock = locks.lockFor(subject, app)
      if (lock !== null) return locked(lock)
      return decisionFrom(countOf(query, ballots), query)
    } catch (error) {
      return failed(error)
    }
  }

  function failed(error: unknown): Decision {
    log.error({ cause: messageOf(error) }, 'a decision failed, so access was denied')
    return denied('policy_failed')
  }

  /** `known`: what is remembered of the same access data. */
  function keep(
    query: RequestQuery,
    revision: number,
    count: Count,
    decision: Decision,
    known: Entry | undefined,
  ): void {
    const { subject, app, context } = query
    // A mutable object must not be a cache key. What two policies sort is asked each time.
    if (!Object.isFrozen(subject) || count.kindsOf.length > 1) return
    let apps = cache.get(subject)
    if (!apps) {
      apps = new Map()
      cache.set(subject, apps)
    }
    const { protocol, clientIp } = context
    const timeless = count.denial !== null || count.requirements.length === 0
    const made: Kept = { count, decision: timeless ? decision : null }
    const [kindOf = null] = count.kindsOf
    let kept: Entry['kept'] = made
    if (kindOf !== null) {
      kept = known?.kept instanceof Map && known.kept.size < MOST_KINDS ? known.kept : new Map()
      kept.set(kindOf(RequestQuery.requestOf(query)), made)
    }
    apps.set(app.id, { revision, app, protocol, clientIp, kindOf, kept })
  }

  return { decide }
}

const keptFor = ({ kept, kindOf }: Entry, received: ReceivedRequest | null): Kept | undefined =>
  (kept as Map<unknown, Kept>).get(kindOf?.(received && readAccessRequest(received)))

const locked = ({ message }: Lock): Decision => denied('locked', message === null ? {} : { message })
