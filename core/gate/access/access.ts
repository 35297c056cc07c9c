import type { Access, Callers, VisibleApp } from '../../api/access.ts'
import type { Admission, AdmissionQuery, Caller, Refusal } from '../../api/admission.ts'
import type { App } from '../../api/app.ts'
import type { Audit } from '../../api/audit.ts'
import type { Catalog } from '../../api/catalog.ts'
import type { AccessContext, Decision, ReceivedRequest } from '../../api/decision.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import { operationReaders } from '../../api/operation-readers.ts'
import { requestHolds } from '../../api/request-holds.ts'
import type { Session } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ForeignReason } from '../../kernel/reason.ts'
import { inTurns } from '../../kernel/turns.ts'
import type { RunningSessions } from '../sessions/sessions.ts'
import type { LiveStream, StreamEnd } from '../sessions/stream-registry.ts'
import { AdmissionState, type Gate, grant } from './admission.ts'
import { type AgentNeeds, agentNeeds, decideForBoth } from './agents.ts'
import { denied } from './ballots.ts'
import type { RunningCallers } from './callers.ts'
import type { Decisions } from './decisions.ts'
import {
  createRefusalRecord,
  denial,
  refusal,
  type SessionCaller,
  stale,
  unauthenticated,
  userUnknown,
  whyRefused,
  whyUnavailable,
  wrongConnector,
} from './refusal.ts'
import { createRevocation, type RevocationNeeds } from './revocation.ts'
import { subjectAt } from './subject-at.ts'
import { isAccepted } from './verification.ts'

export interface RunningAccess extends Access {
  /** Cuts requests that a verifier admitted and whose app was changed or locked. Call it after each change. */
  recheckUnowned(): void
  /** Why a live stream has lost access. `alone`: the result need not hold for others like it. */
  endOf(stream: LiveStream, alone?: boolean): StreamEnd | Promise<StreamEnd>
}

type Outcome = Admission | Refusal

interface AccessNeeds extends RevocationNeeds {
  readonly audit: Pick<Audit, 'record' | 'accepting'>
  readonly callers: Callers & Pick<RunningCallers, 'bots'>
  readonly catalog: Pick<Catalog, 'byId' | 'list'>
  /** Counts each decision. */
  readonly counts: { decision(decision: Decision): void }
  readonly decisions: Decisions
  readonly help: Pick<Access, 'helpFor' | 'offersTo'>
  readonly kernel: Pick<Kernel<HubHooks>, 'slot'>
  readonly publicNames: Pick<PublicNames, 'appsOidcConnector'>
  readonly requirements: AgentNeeds['requirements']
  readonly sessions: RunningSessions
  readonly verify: Access['verify']
}

/**
 * The gate: the one place that grants access to an app, confirms it while an agent dials, and revokes it from live
 * streams (`revocation.ts`). They all call `decide`, as does the list of visible apps, so none can skip a check that another
 * makes.
 */
export function createAccess(rooms: AccessNeeds): RunningAccess {
  const { catalog, decisions, sessions, locks, revisions, audit, counts, publicNames } = rooms
  const { live } = sessions
  const both = agentNeeds(rooms)
  const { refuse, ...trail } = createRefusalRecord(audit)
  const { confirm, endOf, watchEnd } = createRevocation(rooms, decide)

  /** Live requests that a verifier admitted. */
  const unowned = new Set<AdmissionState>()
  const gate: Gate = {
    confirm,
    touch: sessions.touch,
    trail,
    release: (state) => void (state.session ? live.remove(state as LiveStream) : unowned.delete(state)),
  }

  function admit(query: AdmissionQuery): Outcome | Promise<Outcome> {
    const { who, app } = query
    // Before sign-in all hosts respond alike, so that nobody can probe which apps exist.
    if (who === null || who.kind === 'subject') return unauthenticated(who)
    if (who.kind === 'refused') return refusal('unauthenticated', who.code as ForeignReason, null, who.status)
    if (app === undefined && (who.kind === 'app' || who.kind === 'token' || who.kind === 'device'))
      return unauthenticated(who)
    if (!revisions.fresh())
      return 'sessionId' in who ? refuse(query, stale, sessions.byId(who.sessionId)) : stale
    if (who.kind === 'verified') return admitVerified(query, who)
    const found = 'token' in who ? sessions.find(who.kind, who.token) : sessions.byId(who.sessionId)
    if (!(found instanceof Promise)) return admitSession(query, who, found)
    return found.then((session) => (revisions.fresh() ? admitSession(query, who, session) : stale))
  }

  function admitSession(
    query: AdmissionQuery,
    who: SessionCaller,
    session: Session | undefined,
  ): Outcome | Promise<Outcome> {
    const app = currentOf(query.app)
    if (session?.kind !== who.kind || ('user' in who && session.user !== who.user))
      return refuse(query, unauthenticated(who))
    if (!isFor(session, app)) return unauthenticated(who)
    const known = sessions.subjectOf(session)
    // Signing in again would not help.
    if (known === undefined)
      return refuse(query, session.kind === 'hub' ? userUnknown : unauthenticated(who), session)
    if (app === undefined) return refuse(query, refusal('unavailable', 'app_unknown', known), session)
    const subject = subjectAt(known, app, query.met)
    if (query.objection != null)
      return refuse(query, denial(denied(query.objection as ForeignReason), subject), session)
    const context = { protocol: query.protocol, clientIp: query.clientIp }
    const { revision } = revisions
    const state = new AdmissionState(
      ...([gate, app, session, subject, context, query.requestId, revision, query.request] as const),
    )
    const decision = decide(session, subject, app, context, state.received)
    if (!(decision instanceof Promise)) return settle(query, state, decision)
    return decision.then((late) => settle(query, state, late))
  }

  /** The current decision about a session and an app. */
  function decide(
    session: Session | undefined,
    subject: Subject,
    app: App,
    context: AccessContext,
    received: ReceivedRequest | null,
  ) {
    // `connectorOf`, without a call for each request. A program's own account has no connector.
    const connector = app.connector ?? publicNames.appsOidcConnector
    if (connector !== null && session?.connector !== connector && subject.kind !== 'bot')
      return wrongConnector
    const own = decisions.decide({ subject, app, context, received })
    const { actsFor } = subject
    if (actsFor === undefined) return own
    if (connector !== null && actsFor.connector !== connector) return wrongConnector
    return decideForBoth(own, decisions.decide({ subject: actsFor, app, context, received }), both)
  }

  function settle(query: AdmissionQuery, state: AdmissionState, decision: Decision): Outcome {
    counts.decision(decision)
    const session = state.session as Session
    const refused =
      whyRefused(state, session.kind, decision, audit.accepting) ??
      (state.subject?.kind !== 'bot' || query.probe || hasShare(session.user)
        ? null
        : refusal('denied', 'bot_request_limit', state.subject))
    if (refused !== null) return refuse(query, refused, session)
    state.met = decision.met ?? []
    state.own = query.met
    state.rule = decision.rule ?? null
    if (query.probe) state.close()
    else {
      sessions.touch(session)
      live.add(state as LiveStream)
      watchEnd(state.subject as Subject, decision)
    }
    return grant(state)
  }

  /** Whether the program has requests left at this hub, of which this is one. */
  const hasShare = (user: string): boolean =>
    rooms.callers.bots().every((entry) => entry.find(user)?.takeRequest?.() !== false)

  /** A request of nobody, so only the app is checked. */
  function admitVerified(query: AdmissionQuery, who: Extract<Caller, { kind: 'verified' }>): Outcome {
    const app = currentOf(query.app)
    if (app === undefined || !isAccepted(who, app)) return unauthenticated(null)
    if (query.objection != null) return denial(denied(query.objection as ForeignReason), null)
    const lock = locks.appLock(app)
    if (lock !== null) return { ...refusal('denied', 'locked', null), message: lock.message }
    const unavailable = whyUnavailable(app, query.protocol, null, audit.accepting)
    if (unavailable !== null) return unavailable
    const context = { protocol: query.protocol, clientIp: query.clientIp }
    const { requestId } = query
    const state = new AdmissionState(gate, app, null, null, context, requestId, revisions.revision)
    state.verified = who.rule
    if (query.probe) state.close()
    else unowned.add(state)
    return grant(state)
  }

  /** The catalog's own object: a plugin's copy could contain any address. */
  const currentOf = (app: App | undefined) => (app === undefined ? undefined : catalog.byId(app.id))

  async function visible(subject: Subject, clientIp: string): Promise<readonly VisibleApp[]> {
    const session = subject.sessionId === null ? undefined : sessions.byId(subject.sessionId)
    const found: VisibleApp[] = []
    for await (const app of inTurns(catalog.list())) {
      if (session !== undefined && !isFor(session, app)) continue
      const here = subjectAt(subject, app)
      const decided = decide(session, here, app, { protocol: app.protocol, clientIp }, null)
      const { effect, requirements } = decided instanceof Promise ? await decided : decided
      if (effect !== 'deny') found.push({ app, requirements: requirements.map(({ name }) => name) })
    }
    return found
  }

  return {
    admit,
    endOf,
    visible,
    recheckUnowned() {
      for (const state of unowned) void confirm(state)
    },
    holdFor: (refused) => entryFor(refused, rooms.kernel.slot(requestHolds)),
    readerFor: (refused) => entryFor(refused, rooms.kernel.slot(operationReaders)),
    verify: rooms.verify,
    callers: rooms.callers,
    ...rooms.help,
  }
}

/** The entry that meets all that a refused request lacks. */
const entryFor = <Entry extends { readonly requirement: string }>(
  { requirements: [only, ...more] }: Refusal,
  entries: readonly Entry[],
): Entry | undefined =>
  only?.perRequest && more.length === 0
    ? entries.find(({ requirement }) => requirement === only.name)
    : undefined

/** Whether the session is one for this app; those of browsers at the hub and of certificates are for every app. */
function isFor({ kind, appId, apps }: Session, app: App | undefined): boolean {
  if (kind === 'app') return appId === app?.id
  return (kind !== 'token' && kind !== 'device') || (app !== undefined && apps.includes(app.id))
}
