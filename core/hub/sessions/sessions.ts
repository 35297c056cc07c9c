import { isDeepStrictEqual } from 'node:util'
import type { Transaction } from '../../api/database.ts'
import { Problem } from '../../api/problem.ts'
import type { Change } from '../../api/revisions.ts'
import { sessionLimits } from '../../api/session-limits.ts'
import type { EndReason, RunningChange, Session, Sessions } from '../../api/sessions.ts'
import type { SatisfiedRequirement, Subject } from '../../api/subject.ts'
import { messageOf } from '../../kernel/error.ts'
import { roleLimits } from '../../limits/role-limits.ts'
import type { Needs } from '../room.ts'
import type { SessionTables } from './migrations.ts'
import { forgetMet } from './satisfied-requirements.ts'
import { createSessionEvents } from './session-events.ts'
import { createSessionOpenings } from './session-openings.ts'
import { createSessionStore, type Held, listIn } from './session-store.ts'
import { type Ending, endSessions } from './session-termination.ts'
import { createSessionTickets } from './session-ticket.ts'
import { createSessionUpkeep } from './session-upkeep.ts'
import { createStreamRegistry, type RunningStreams } from './stream-registry.ts'
import { createTokenFinder } from './token-finder.ts'

export interface RunningSessions extends Sessions {
  readonly live: RunningStreams
  /** Why the session or one of its parents is over or locked; null: it is live. */
  whyOver(id: string): EndReason | null
  /** Checks live streams again at this time (milliseconds since the epoch), beside the checks of every second. */
  decideAgain(at: number): void
  /** Starts upkeep, and re-checks live streams every second. Call it after `Revisions.start`. */
  start(): void
  stop(): Promise<void>
  /** Writes last uses and ends expired sessions. Runs on a timer; tests call it directly. */
  upkeep(): Promise<void>
  /** Deletes sessions that ended an hour ago, which one hub does for the cluster. */
  purge(): Promise<void>
}

/** A subject that is right for one revision and, if it has grants, until the first ends (milliseconds since the epoch). */
interface KnownSubject {
  readonly revision: number
  readonly subject: Subject | undefined
  readonly until: number
}

/** The kind of a person's subject by that of the session. */
const KINDS = { hub: 'session', app: 'session', cert: 'certificate', token: 'token' } as const
const FOREVER = Number.POSITIVE_INFINITY
const RECHECK_MS = 1_000
/** Minimum time between two checks for expired sessions, however many expire. */
const LEAST_WAIT_MS = 20

/**
 * Sessions of every kind. Idle time is the time since the last `touch` of the session or of a child session. An open
 * stream alone does not count as use, so that a forgotten tab does not keep a session alive; protocols call `touch` on
 * requests.
 */
export function createSessions(
  rooms: Needs<
    | 'db'
    | 'revisions'
    | 'accounts'
    | 'grants'
    | 'locks'
    | 'catalog'
    | 'audit'
    | 'kernel'
    | 'access'
    | 'activity'
  >,
): RunningSessions {
  const { db, revisions, accounts, grants, locks, catalog, audit, kernel, clock, log } = rooms
  const hooks = kernel.calls.session
  const subjects = new WeakMap<Session, KnownSubject>()
  const live = createStreamRegistry({ endOf: (stream, alone) => rooms.access.endOf(stream, alone), log })
  const store = createSessionStore({
    revisions,
    isLocked: locks.isSessionLocked,
    limitsOf: ({ user }) => roleLimits(kernel.service(sessionLimits), accounts.rolesOf(user)),
    ended(event) {
      live.cutSession(event.session.id, event.reason)
      hooks.ended(event)
    },
    clock,
    log,
  })
  const events = createSessionEvents({ grants, catalog, audit, clock })
  const findHeld = createTokenFinder({ store, revisions, clock })
  const upkeep = createSessionUpkeep({ db, revisions, store, endedAudit: events.ended, clock, log })
  let checkedEpoch = -1
  /** When a live stream may lose access without a change of access data. Milliseconds since the epoch. */
  let decideAgainAt = FOREVER
  let timer: NodeJS.Timeout | undefined
  let endTimer: NodeJS.Timeout | undefined

  revisions.onApplied(() => {
    // Opening a session does not end access, and does not change the revision.
    if (live.size === 0 || revisions.revision === checkedEpoch) return
    checkedEpoch = revisions.revision
    recheck()
  })

  function recheck(): void {
    live.recheck().catch((error) => log.error({ cause: messageOf(error) }, 'failed to re-check live streams'))
  }

  /** Cuts live streams as soon as their session expires, or access that was given until a time. */
  function watchEnds(): void {
    const now = clock.now()
    if (now >= decideAgainAt) {
      decideAgainAt = FOREVER
      recheck()
    }
    const left = Math.min(live.cutExpired(now), decideAgainAt) - now + 1
    endTimer = setTimeout(watchEnds, Math.max(LEAST_WAIT_MS, Math.min(RECHECK_MS, left)))
  }

  function subjectOf(session: Session): Subject | undefined {
    const { revision } = revisions
    const known = subjects.get(session)
    if (known?.revision === revision && (known.until === FOREVER || known.until > clock.now()))
      return known.subject
    const account = accounts.byName(session.user)
    // The name may have been deleted and given to another user since.
    const same = session.holder === account?.holder
    const granted = account && same ? grants.of(session.user, session.holder) : []
    const everywhere = granted.flatMap(({ role, apps }) => (apps === null ? [role] : []))
    const current: Subject | undefined =
      account && same
        ? Object.freeze({
            user: account.name,
            roles: Object.freeze([...new Set([...account.roles, ...everywhere])].sort()),
            ...(account.profile && { profile: account.profile }),
            kind: account.bot ? 'bot' : KINDS[session.kind],
            sessionId: session.id,
            satisfied: session.satisfied,
            ...(granted.length > 0 && { grants: Object.freeze(granted) }),
          })
        : undefined
    // The same object while it says the same: decisions, assertions and header lines are kept by it.
    const subject = isDeepStrictEqual(known?.subject, current) ? known?.subject : current
    subjects.set(session, { revision, subject, until: Math.min(...granted.map(({ until }) => until)) })
    return subject
  }

  const endIn = (trx: Transaction, change: Pick<Change, 'touch' | 'audit'>, ending: Ending) =>
    endSessions(trx, change, ending, events, clock.now())

  /** Runs in the given change, or in a new one. */
  const write = <T>(
    within: RunningChange | undefined,
    work: (...args: [Transaction, RunningChange['change']]) => Promise<T>,
  ) => (within ? work(within.trx, within.change) : revisions.write(work))

  /** A locked session is live again once its lock is removed, so callers that end sessions must see it. */
  const isOver = (why: EndReason | null): boolean => why !== null && why !== 'locked'

  const living = (id: string): Session | undefined =>
    store.whyDead(id) === null ? store.byId(id)?.session : undefined

  async function end(
    ids: readonly string[],
    reason: EndReason,
    actor: Subject | null,
    within?: RunningChange,
  ): Promise<number> {
    return ids.length === 0 ? 0 : write(within, (trx, change) => endIn(trx, change, { ids, reason, actor }))
  }

  /** Also checks that the user name still belongs to the same user. */
  const present = (id: string): Session | undefined => {
    const session = living(id)
    return session && subjectOf(session) ? session : undefined
  }
  const endOlder = (ids: readonly string[]) => end(ids, 'superseded', null)
  const openings = createSessionOpenings({ revisions, accounts, clock, living: present, end: endOlder })

  const sessions: RunningSessions = {
    async open(input) {
      if (input.parentId && !living(input.parentId)) {
        throw new Problem(401, 'login_required', 'Your sign-in has ended. Sign in again.')
      }
      const { id, token } = await openings.open(input)
      const session = store.byId(id)?.session
      if (!session)
        throw new Problem(
          503,
          'sign_in_failed',
          'The session ended while it was being opened. Sign in again.',
        )
      events.opened(session)
      return { session, token }
    },

    find(kind, token) {
      const livingOf = (held: Held | undefined): Session | undefined =>
        held?.session.kind === kind ? living(held.session.id) : undefined
      const found = findHeld(token)
      return found instanceof Promise ? found.then(livingOf) : livingOf(found)
    },
    byId: living,
    whyOver: store.whyDead,
    list: () =>
      [...store.all()].flatMap(({ session }) => (isOver(store.whyDead(session.id)) ? [] : [session])),
    listIn: (trx, of) => listIn(trx, of, clock.now()),
    subjectOf,
    activityOf: (list) => rooms.activity.of(list),
    end,

    async remember(session, met, appId = null) {
      await revisions.write(async (trx, change) => {
        const own = trx.withTables<SessionTables>()
        const row = await own
          .selectFrom('sessions')
          .select('satisfied')
          .where('id', '=', session.id)
          .where('kind', '=', appId === null ? 'hub' : 'cert')
          .where('ended', 'is', null)
          .executeTakeFirst()
        if (!row) return
        const { name, level, by } = met
        const before = (JSON.parse(row.satisfied) as SatisfiedRequirement[]).filter(
          (entry) => entry.name !== name || entry.level !== level || entry.by !== by || entry.appId !== appId,
        )
        const satisfied = JSON.stringify([...before, { ...met, appId }])
        await own.updateTable('sessions').set({ satisfied }).where('id', '=', session.id).execute()
        change.touch('session', session.id)
      })
    },

    forget: (user, by, within) => write(within, (trx, change) => forgetMet(trx, change, user, by)),

    touch(session) {
      const now = clock.now()
      let current: Session | undefined = session
      for (let depth = 0; current && depth < 4; depth++) {
        // In steps of a second, because this runs on every request.
        if (now - current.lastUsed >= 1_000) {
          current.lastUsed = now
          upkeep.used(current)
        }
        current = current.parentId === null ? undefined : store.byId(current.parentId)?.session
      }
    },

    decideAgain(at) {
      decideAgainAt = Math.min(decideAgainAt, at)
    },
    live,
    tickets: createSessionTickets({
      db,
      revisions,
      living: present,
      redeem: openings.redeem,
      opened(id) {
        const session = store.byId(id)?.session
        if (session) events.opened(session)
        return session
      },
      endReplayed: (id) => end([id], 'code_replayed', null),
      clock,
    }),

    start() {
      timer = setInterval(recheck, RECHECK_MS)
      watchEnds()
      upkeep.start()
    },
    async stop() {
      clearInterval(timer)
      clearTimeout(endTimer)
      await upkeep.stop()
    },
    upkeep: upkeep.run,
    purge: upkeep.purge,
  }
  return sessions
}
