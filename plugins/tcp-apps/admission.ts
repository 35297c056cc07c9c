import type { App, Session, Subject } from '@mezite/core'
import type { AccessContext, Decision } from '@mezite/core/protocol'
import type { Deps } from './deps.ts'

/** A connection that may be made. */
export interface Admitted {
  readonly kind: 'admitted'
  readonly app: App
  readonly session: Session
  readonly subject: Subject
  readonly context: AccessContext
}

export interface Refused {
  readonly kind: 'refused'
  readonly status: number
  /** A stable reason code, which msh puts into words. */
  readonly reason: string
  /** What the person may read about it, in the words of whoever set a lock. */
  readonly message?: string
}

export type Verdict = Admitted | Refused

export interface Asked {
  readonly sessionId: string
  /** `:authority`, as it came. */
  readonly name: string
  /** What the client means to speak. */
  readonly protocol: 'tcp' | 'http'
  readonly clientIp: string
  readonly requestId: string
}

const APP_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * May this connection be made: the one gate before an app, with the answers in an order that never changes. Demands that need a
 * browser are refusals here, never set aside. Synchronous when the decision is in memory.
 */
export function decideConnection(parts: Deps, asked: Asked): Verdict | Promise<Verdict> {
  const { access, audit, catalog, revisions, sessions } = parts
  if (!revisions.fresh()) return refused(503, 'view_stale')
  const session = sessions.byId(asked.sessionId)
  const subject = session?.kind === 'cert' ? sessions.subjectOf(session) : undefined
  if (session === undefined || subject === undefined) return refused(401, 'session_ended')
  const app = APP_NAME.test(asked.name) ? catalog.byName(asked.name) : undefined
  if (app === undefined) return refused(404, 'app_unknown')
  const context: AccessContext = { protocol: asked.protocol, clientIp: asked.clientIp }

  const decided = (decision: Decision): Verdict => {
    if (decision.effect !== 'allow') {
      audit.record({
        type: 'access.denied',
        success: false,
        reason: decision.reason,
        user: subject.user,
        roles: subject.roles,
        clientIp: asked.clientIp,
        sessionId: session.id,
        requestId: asked.requestId,
        fields: { app: app.name, protocol: asked.protocol },
      })
      return { ...refused(403, decision.reason), ...(decision.message ? { message: decision.message } : {}) }
    }
    if (!app.enabled) return refused(503, 'app_disabled')
    if (app.protocol !== asked.protocol) return refused(400, 'protocol_mismatch')
    if (!audit.accepting) return refused(503, 'audit_unavailable')
    sessions.touch(session)
    return { kind: 'admitted', app, session, subject, context }
  }
  const decision = access.decide({ subject, app, context })
  return decision instanceof Promise ? decision.then(decided) : decided(decision)
}

export function refused(status: number, reason: string): Refused {
  return { kind: 'refused', status, reason }
}
