import type { AdmissionQuery, Caller, Refusal, RefusalReason } from '../../api/admission.ts'
import type { App } from '../../api/app.ts'
import type { Audit, AuditInput } from '../../api/audit.ts'
import type { AccessContext, Decision, ReceivedRequest } from '../../api/decision.ts'
import { type AnyReason, type RespondingReason, statusOf } from '../../api/reasons.ts'
import type { Session, SessionKind } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { ForeignReason } from '../../kernel/reason.ts'
import type { AdmissionState } from './admission.ts'
import { denied } from './ballots.ts'

export const stale = refusal('stale', 'view_stale', null)
export const userUnknown = refusal('unauthenticated', 'user_unknown', null)
const loginRequired = refusal('unauthenticated', 'login_required', null)
const sessionEnded = refusal('unauthenticated', 'session_ended', null)

/** A refusal with the status of its code, or another one. */
export function refusal<Code extends AnyReason>(
  outcome: RefusalReason,
  code: Code,
  subject: Subject | null,
  ...[status = statusOf(code)]: Code extends RespondingReason ? [status?: number] : [status: number]
): Refusal {
  return { outcome, status, code, message: null, link: null, requirements: [], rule: null, subject }
}

/** A caller by its session. */
export type SessionCaller = Extract<Caller, { kind: SessionKind }>

/** Whether sessions of this kind are those of browsers, which can be led to a sign-in or to a requirement. */
const isBrowser = (kind: SessionKind): boolean => kind === 'hub' || kind === 'app'

export function unauthenticated(who: Caller | null): Refusal {
  return who?.kind === 'cert' || who?.kind === 'token' || who?.kind === 'device'
    ? sessionEnded
    : loginRequired
}

export function denial({ reason, message, link, status, rule }: Decision, subject: Subject | null): Refusal {
  return {
    ...refusal('denied', reason as ForeignReason, subject, status ?? 403),
    message: message ?? null,
    link: link ?? null,
    rule: rule ?? null,
  }
}

/** The decision about a session of another connector than the one that apps require. */
export const wrongConnector = denied('connector_not_allowed')

/** Why a decision does not admit a request; null: it does. `accepting`: the audit trail can take records. */
export function whyRefused(
  { app, subject, context }: Pick<AdmissionState, 'app' | 'subject' | 'context'>,
  kind: Session['kind'],
  decision: Decision,
  accepting: boolean,
): Refusal | null {
  const { effect, reason, requirements, rule } = decision
  const browser = isBrowser(kind)
  // The sign-in host sends the browser to the right connector.
  if (decision === wrongConnector && browser)
    return refusal('unauthenticated', 'connector_not_allowed', subject, 401)
  if (effect === 'deny') return denial(decision, subject)
  const unavailable = whyUnavailable(app, context.protocol, subject, accepting)
  // msh learns the protocol of an app from this refusal, so its requirements are checked first.
  if (unavailable?.code === 'protocol_mismatch' && (browser || effect !== 'require')) return unavailable
  // A browser meets requirements by signing in, and its scripts get the status for that.
  if (effect === 'require')
    return {
      ...refusal('required', reason as ForeignReason, subject, browser ? 401 : 403),
      requirements,
      rule: rule ?? null,
    }
  return unavailable
}

/** Why an app serves nobody over this protocol right now. */
export function whyUnavailable(
  app: App,
  protocol: string,
  subject: Subject | null,
  accepting: boolean,
): Refusal | null {
  if (app.protocol !== protocol) return refusal('unavailable', 'protocol_mismatch', subject)
  if (!app.enabled) return refusal('disabled', 'app_disabled', subject)
  if (!accepting) return refusal('unavailable', 'audit_unavailable', subject)
  return null
}

/** What a record of a refusal names. */
interface Refused {
  readonly app: App | undefined
  readonly session: (Pick<Session, 'id'> & Partial<Pick<Session, 'user'>>) | null | undefined
  readonly subject: Subject | null
  readonly context: AccessContext
  readonly requestId: string
  /** The rule by which a verifier admitted the request. */
  readonly verified?: string | null
  /** The rule that a policy named. */
  readonly rule?: string | null
  readonly received?: ReceivedRequest | null
}

/** Writes the trail of the gate: each refusal of a person who is known is one record. */
export interface RefusalRecord {
  /** Records a refusal, and returns it. `session`: the one that the caller has proved, if it is known. */
  refuse(query: AdmissionQuery, refused: Refusal, session?: Session): Refusal
  denied(state: Refused, reason: string): void
  /** `agent`: the host name of the agent that could not connect. */
  failed(state: Refused, reason: string, agent: string | null): void
}

export function createRefusalRecord(audit: Pick<Audit, 'record'>): RefusalRecord {
  function record(
    type: 'access.denied' | 'request.failed',
    reason: string,
    {
      app,
      session,
      subject,
      context: { protocol, clientIp },
      requestId,
      verified = null,
      rule = null,
    }: Refused,
    fields: AuditInput['fields'] = {},
  ): void {
    const named = { ...(verified !== null && { verified }), ...(rule !== null && { rule }) }
    audit.record({
      type,
      success: false,
      reason,
      user: subject?.user ?? session?.user ?? null,
      roles: subject?.roles ?? null,
      grants: subject?.grants,
      actsFor: subject?.actsFor,
      clientIp,
      sessionId: session?.id ?? null,
      requestId,
      fields: { app: app?.name ?? null, protocol, ...named, ...fields },
    })
  }

  return {
    refuse(query, refused, session) {
      if (query.probe || isStep(query, refused)) return refused
      const { who, app, protocol, clientIp, requestId, request } = query
      const { outcome, status, code, subject, rule } = refused
      const shown = who !== null && 'sessionId' in who ? { id: who.sessionId } : undefined
      const known = {
        app,
        session: session ?? shown,
        subject,
        requestId,
        rule,
        context: { protocol, clientIp },
      }
      if (outcome === 'denied' || (outcome === 'required' && session && !isBrowser(session.kind)))
        record('access.denied', code, known, request?.operations?.record)
      else {
        const path = request && { method: request.method, path: request.target.split('?', 1)[0] as string }
        record('request.failed', code, known, {
          agent: null,
          ...path,
          status,
          ...request?.operations?.record,
        })
      }
      return refused
    },
    denied: (state, reason) => record('access.denied', reason, state, state.received?.operations?.record),
    failed: (state, reason, agent) => record('request.failed', reason, state, { agent }),
  }
}

/**
 * A refusal that leads on: to a sign-in, to a requirement that a browser is asked to meet or for which the request is held, or, when msh
 * looks up the protocol of an app, to its port.
 */
function isStep(
  { who, interactive, protocol }: AdmissionQuery,
  { outcome, code, subject, requirements }: Refusal,
): boolean {
  if (who === null || who.kind === 'subject' || who.kind === 'verified' || who.kind === 'refused') return true
  if (outcome === 'unauthenticated' && who.kind !== 'cert')
    return code !== 'user_unknown' && (subject === null || interactive === true)
  if (outcome === 'required')
    return interactive === true || requirements.every(({ perRequest }) => perRequest === true)
  return code === 'protocol_mismatch' && who.kind === 'cert' && protocol === 'http'
}
