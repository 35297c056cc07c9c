import { isDeepStrictEqual } from 'node:util'
import type { Audit } from '../../api/audit.ts'
import type { Catalog } from '../../api/catalog.ts'
import type { Database, Transaction } from '../../api/database.ts'
import type { Grant } from '../../api/grants.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import { problemFor } from '../../api/reasons.ts'
import type { Change } from '../../api/revisions.ts'
import { sessionLimits } from '../../api/session-limits.ts'
import type { EndReason, RunningChange, Session, Sessions } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import { roleLimits } from '../../base/limits/role-limits.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Log } from '../../kernel/log.ts'
import type { RunningRevisions } from '../../state/revisions/revisions.ts'
import { accountSubject } from '../users/account-subject.ts'
import type { Accounts } from '../users/accounts.ts'
import { forgetMet, rememberMet } from './satisfied-requirements.ts'
import { createSessionEvents, type GrantedRoles } from './session-events.ts'
import { createSessionOpenings } from './session-openings.ts'
import { createSessionStore, type Held, listIn } from './session-store.ts'
import { type Ending, endSessions } from './session-termination.ts'
import { createSessionTickets } from './session-ticket.ts'
import { createSessionUpkeep } from './session-upkeep.ts'
import { createStreamChecks } from './stream-checks.ts'
import {
  createStreamRegistry,
  type LiveStream,
  type RunningStreams,
  type StreamEnd,
} from './stream-registry.ts'
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

interface SessionsNeeds {
  readonly db: Database
  readonly revisions: RunningRevisions
  readonly accounts: Accounts
  readonly grants: GrantedRoles & {
    /** The live grants of an account. */
    of(user: string, holder: string | null): readonly Grant[]
    isLive(grant: Grant): boolean
  }
  readonly locks: { isSessionLocked(id: string): boolean }
  readonly catalog: Pick<Catalog, 'byId'>
  readonly audit: Pick<Audit, 'record'>
  readonly kernel: Pick<Kernel<HubHooks>, 'calls' | 'service'>
  /** The gate, which decides again about live streams. */
  readonly access: { endOf(stream: LiveStream, alone?: boolean): StreamEnd | Promise<StreamEnd> }
  readonly activity: { readonly of: Sessions['activityOf'] }
  readonly clock: Clock
  readonly log: Log
}

/**
 * Sessions of every kind. Idle time is the time since the last `touch` of the session or of a child session. An open
 * stream alone does not count as use, so that a forgotten tab does not keep a session alive; protocols call `touch` on
 * requests.
 */
export function createSessions(rooms: SessionsNeeds): RunningSessions {
  const { db, revisions, accounts, grants, locks, catalog, audit, kernel, clock, log } = rooms
  const hooks = kernel.calls.session
  const subjectOf = createSessionSubjects(rooms)
  const live = createStreamRegistry({ endOf: (stream, alone) => rooms.access.endOf(stream, alone), log })
  const store = createSessionStore({
    revisions,
    isLocked: locks.isSessionLocked,
    limitsOf({ user, kind }) {
      const { roles = [], actsFor } = accounts.byName(user) ?? {}
      const own = roleLimits(kernel.service(sessionLimits), roles, kind)
      if (actsFor === undefined) return own
      // An agent lasts no longer than a program of its person.
      const theirs = roleLimits(kernel.service(sessionLimits), actsFor.roles, kind)
      const [ttlMs, idleMs] = [Math.min(own.ttlMs, theirs.ttlMs), Math.min(own.idleMs, theirs.idleMs)]
      return { ttlMs, idleMs: idleMs || own.idleMs || theirs.idleMs }
    },
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
  const checks = createStreamChecks(live, rooms)

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
        throw problemFor('login_required', 'Your sign-in has ended. Sign in again.')
      }
      const { id, token } = await openings.open(input)
      const session = store.byId(id)?.session
      if (!session)
        throw problemFor('sign_in_failed', 'The session ended while it was being opened. Sign in again.')
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

    remember: (session, met, appId = null) =>
      revisions.write((trx, change) => rememberMet(trx, change, session.id, { ...met, appId })),
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

    decideAgain: checks.decideAgain,
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
      checks.start()
      upkeep.start()
    },
    async stop() {
      checks.stop()
      await upkeep.stop()
    },
    upkeep: upkeep.run,
    purge: upkeep.purge,
  }
  return sessions
}

/** A subject that is right for one revision and, if it has grants, until the first ends. */
interface KnownSubject {
  readonly revision: number
  readonly subject: Subject | undefined
  readonly granted: readonly Grant[]
}

/** The kind of a person's subject by that of the session. */
const KINDS = {
  hub: 'session',
  app: 'session',
  cert: 'certificate',
  token: 'token',
  device: 'device',
} as const

/** See `Sessions.subjectOf`. Keeps the subject of each session while nothing changes. */
function createSessionSubjects({ revisions, accounts, grants }: SessionsNeeds): Sessions['subjectOf'] {
  const subjects = new WeakMap<Session, KnownSubject>()

  return (session) => {
    const { revision } = revisions
    const known = subjects.get(session)
    if (known?.revision === revision && known.granted.every(grants.isLive)) return known.subject
    const account = accounts.byName(session.user)
    // The name may have been deleted and given to another user since.
    const same = session.holder === account?.holder
    const coming = { kind: KINDS[session.kind], sessionId: session.id, satisfied: session.satisfied }
    const current = account && same ? accountSubject(account, coming, grants.of) : undefined
    const granted = [...(current?.grants ?? []), ...(current?.actsFor?.grants ?? [])]
    // The same object while it says the same: decisions, assertions and header lines are kept by it.
    const subject = isDeepStrictEqual(known?.subject, current) ? known?.subject : current
    subjects.set(session, { revision, subject, granted })
    return subject
  }
}
