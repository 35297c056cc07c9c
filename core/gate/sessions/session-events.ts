import type { Audit, AuditInput } from '../../api/audit.ts'
import type { Catalog } from '../../api/catalog.ts'
import type { EndReason, Session } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { SessionTable } from './migrations.ts'

/** Says the roles that a session has at an app. */
export interface GrantedRoles {
  rolesAt(
    session: Pick<Session, 'user' | 'holder'>,
    appId: string,
  ): Required<Pick<Subject, 'roles' | 'grants'>>
}

/** The audit events of browser sessions of apps. */
export type SessionEvents = ReturnType<typeof createSessionEvents>

/** Events contain the current name of the app, and the roles and grants that the user now has there. */
export function createSessionEvents(options: {
  readonly grants: GrantedRoles
  readonly catalog: Pick<Catalog, 'byId'>
  readonly audit: Pick<Audit, 'record'>
  readonly clock: Clock
}) {
  const { grants, catalog, audit, clock } = options

  const eventOf = (session: Pick<Session, 'appId' | 'user' | 'holder' | 'clientIp' | 'id'>) => {
    const app = session.appId === null ? undefined : catalog.byId(session.appId)
    return {
      success: true,
      user: session.user,
      ...grants.rolesAt(session, session.appId ?? ''),
      clientIp: session.clientIp,
      sessionId: session.id,
      fields: { app: app?.name ?? null, protocol: app?.protocol ?? 'http', app_id: session.appId },
    }
  }

  return {
    /** Records that a session was opened. Does nothing for other kinds of session. */
    opened(session: Session): void {
      if (session.kind === 'app') audit.record({ ...eventOf(session), type: 'app.session.start' })
    },
    /** The event to record when a session ends; null for other kinds of session. */
    ended(row: SessionTable, reason: EndReason): AuditInput | null {
      if (row.kind !== 'app') return null
      const { app_id: appId, user_name: user, holder, client_ip: clientIp, id } = row
      const event = eventOf({ appId, user, holder, clientIp, id })
      const duration_ms = Math.max(0, clock.now() - row.created)
      return {
        ...event,
        type: 'app.session.end',
        fields: { ...event.fields, duration_ms, end_reason: reason },
      }
    },
  }
}
