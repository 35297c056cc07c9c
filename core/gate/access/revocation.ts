import type { App } from '../../api/app.ts'
import type { Catalog } from '../../api/catalog.ts'
import type { AccessContext, Decision, ReceivedRequest } from '../../api/decision.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { EndReason, Session } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { RunningSessions } from '../sessions/sessions.ts'
import type { LiveStream, StreamEnd } from '../sessions/stream-registry.ts'
import type { AdmissionState } from './admission.ts'
import type { Locks } from './lock.ts'
import { subjectAt } from './subject-at.ts'

export interface RevocationNeeds {
  readonly catalog: Pick<Catalog, 'byId'>
  /** How old the view may be, in milliseconds, until streams end. */
  readonly config: { readonly sessions: { readonly stream_staleness: number } }
  readonly locks: Pick<Locks, 'appLock'>
  readonly revisions: Pick<Revisions, 'revision' | 'fresh' | 'ageMs'>
  readonly sessions: Pick<RunningSessions, 'byId' | 'subjectOf' | 'whyOver' | 'decideAgain'>
}

const NO_END = {}

/** Decides again, with `decide` of the gate, about access that it has granted, and takes it back if the answer has changed. */
export function createRevocation(
  rooms: RevocationNeeds,
  decide: (
    session: Session | undefined,
    subject: Subject,
    app: App,
    context: AccessContext,
    received: ReceivedRequest | null,
  ) => Decision | Promise<Decision>,
) {
  const { catalog, locks, revisions, sessions } = rooms
  const streamStalenessMs = rooms.config.sessions.stream_staleness

  /** Cuts streams on time whose access was given until then. */
  function watchEnd({ grants, actsFor }: Subject, decision: Pick<Decision, 'until'>): void {
    if (decision.until !== undefined) sessions.decideAgain(decision.until)
    if (actsFor !== undefined) watchEnd(actsFor, NO_END)
    if (grants === undefined) return
    for (const { until } of grants) sessions.decideAgain(until)
  }

  /** See `Gate.confirm`. */
  function confirm(state: AdmissionState): boolean | Promise<boolean> {
    if (state.ended !== null) return false
    const { revision } = revisions
    if (state.revision === revision) return true
    const end = (reason: EndReason): false => {
      state.gate.release(state)
      state.cut(reason)
      return false
    }
    if (!revisions.fresh()) return end('stale_view')
    const { app, session, context } = state
    // The app was changed: the connection may lead to its old target.
    if (catalog.byId(app.id) !== app) return end('revoked')
    if (session === null) {
      state.revision = revision
      return locks.appLock(app) === null || end('locked')
    }
    const current = sessions.byId(session.id)
    const known = current && sessions.subjectOf(current)
    if (known === undefined) return end(sessions.whyOver(session.id) ?? 'user_deleted')
    const subject = subjectAt(known, app, state.own)
    const settled = (decision: Decision): boolean => {
      if (state.ended !== null) return false
      const { effect, reason } = decision
      if (effect !== 'allow') return end(reason === 'locked' ? 'locked' : 'denied')
      watchEnd(subject, decision)
      state.subject = subject
      state.revision = revision
      return true
    }
    const decision = decide(current, subject, app, context, state.received)
    return decision instanceof Promise ? decision.then(settled) : settled(decision)
  }

  /** See `RunningAccess.endOf`. */
  function endOf(
    { session, app, context, received = null, own }: LiveStream,
    alone = false,
  ): StreamEnd | Promise<StreamEnd> {
    if (revisions.ageMs() > streamStalenessMs) return 'stale_view'
    const over = sessions.whyOver(session.id)
    if (over !== null) return over
    const current = catalog.byId(app.id)
    if (!current) return 'app_deleted'
    if (!current.enabled) return 'app_disabled'
    // The session may have lost requirements that it had met when the stream was opened.
    const now = sessions.byId(session.id) ?? session
    const known = sessions.subjectOf(now)
    if (!known) return 'user_deleted'
    const subject = subjectAt(known, current, own)
    const reasonOf = (decision: Decision): StreamEnd => {
      const { effect, reason, byRequest } = decision
      if ((byRequest || own !== undefined) && !alone) return 'each'
      if (effect !== 'allow') return reason === 'locked' ? 'locked' : 'denied'
      watchEnd(subject, decision)
      return null
    }
    const decision = decide(now, subject, current, context, received)
    return decision instanceof Promise ? decision.then(reasonOf) : reasonOf(decision)
  }

  return { confirm, endOf, watchEnd }
}
