import type { AccessQuery, Decision, ReceivedRequest, Vote } from '../../api/decision.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Subject } from '../../api/subject.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Ballots, HookCalls } from '../../kernel/hook.ts'
import type { Log } from '../../kernel/log.ts'
import { RequestQuery } from './access-request.ts'
import { Ballot, type Count, countBallots, decisionOf, denied } from './ballots.ts'
import type { Lock, Locks } from './lock.ts'
import type { Requirements } from './requirements.ts'

/** Decides about access from policies, locks and requirements. Only the gate calls it. */
export interface Decisions {
  /**
   * Checks locks, then asks all `access.decide` taps. When every tap is pure, the decision is cached by (subject, app,
   * revision) and synchronous. Never throws and never rejects: a failure is a denial. Does not check freshness.
   */
  decide(query: AskedQuery): Decision | Promise<Decision>
}

/** The question of the gate, with the request as it was received. */
export interface AskedQuery extends Omit<AccessQuery, 'request'> {
  readonly received?: ReceivedRequest | null | undefined
}

interface Entry {
  readonly revision: number
  readonly app: AccessQuery['app']
  readonly protocol: string
  readonly clientIp: string | null
  readonly count: Count
  /** Set when the decision does not depend on requirements, and so not on the clock. */
  readonly decision: Decision | null
  /** By method and target, if a policy looked at the request; null if none did. */
  readonly requests: Map<string, Entry> | null
}

/** For one subject and app. */
const MOST_REQUESTS = 256

/** What decisions need. */
export interface DecisionsNeeds {
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

  function newBallot(plugin: string): Ballot {
    if (late.has(plugin)) throw new Error('the policy voted after an earlier decision')
    return new Ballot(kinds, () => {
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
      if (known != null && known.requests !== null) known = known.requests.get(keyOf(received))
      if (
        known?.revision === revision &&
        known.app === app &&
        isCurrent(known.count) &&
        known.protocol === context.protocol &&
        known.clientIp === context.clientIp
      ) {
        return known.decision ?? decisionFrom(known.count, given)
      }
      const query = new RequestQuery(given, received)
      const ballots = vote(query, newBallot)
      if (ballots instanceof Promise) {
        return ballots.then(
          (late) => decideLater(query, late),
          (error: unknown) => failed(error),
        )
      }
      const count = countOf(query, ballots)
      const decision = decisionFrom(count, query)
      if (vote.pure && ballots.failed.length === 0) keep(query, received, revision, count, decision)
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
    return RequestQuery.asked(query) ? { ...count, byRequest: true } : count
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

  function keep(
    { subject, app, context }: RequestQuery,
    received: ReceivedRequest | null,
    revision: number,
    count: Count,
    decision: Decision,
  ) {
    // A mutable object must not be a cache key.
    if (!Object.isFrozen(subject)) return
    let apps = cache.get(subject)
    if (!apps) {
      apps = new Map()
      cache.set(subject, apps)
    }
    const { protocol, clientIp } = context
    const timeless = count.denial !== null || count.requirements.length === 0
    const made = { revision, app, protocol, clientIp, count, decision: timeless ? decision : null }
    if (!count.byRequest) return void apps.set(app.id, { ...made, requests: null })
    let requests = apps.get(app.id)?.requests ?? null
    if (requests === null || requests.size >= MOST_REQUESTS) {
      requests = new Map()
      apps.set(app.id, { ...made, requests })
    }
    requests.set(keyOf(received), { ...made, requests: null })
  }

  return { decide }
}

const keyOf = (received: ReceivedRequest | null) =>
  received === null ? '' : `${received.method}${received.upgrade ? '+' : ''} ${received.target}`

const locked = ({ message }: Lock): Decision => denied('locked', message === null ? {} : { message })
