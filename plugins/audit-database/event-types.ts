import type { Database } from '@mezite/core'
import { closest, distance } from 'fastest-levenshtein'
import { sql } from 'kysely'

/** The types of event that the hub and its bundled plugins record. */
export const eventTypes: readonly string[] = [
  'access.denied',
  'access_request.cancelled',
  'access_request.created',
  'access_request.expired',
  'access_request.reviewed',
  'agent.connected',
  'agent.deleted',
  'agent.disconnected',
  'agent.joined',
  'agent.rejected',
  'app.created',
  'app.deleted',
  'app.disabled',
  'app.enabled',
  'app.request',
  'app.session.end',
  'app.session.start',
  'app.target',
  'app.updated',
  'app_proposal.accepted',
  'app_proposal.created',
  'app_proposal.refused',
  'app_proposal.removed',
  'app_proposal.withdrawn',
  'app_source.created',
  'app_source.deleted',
  'app_source.updated',
  'audit.read',
  'backup.created',
  'bot.consent_withdrawn',
  'bot.deleted',
  'cert.failed',
  'cert.imported',
  'cert.issued',
  'cert.removed',
  'cert.renewal_requested',
  'change.approved',
  'change.cancelled',
  'change.denied',
  'change.done',
  'change.expired',
  'change.failed',
  'change.forced',
  'change.outdated',
  'change.requested',
  'change.unclear',
  'client.registered',
  'client.removed',
  'connector.created',
  'connector.deleted',
  'connector.tested',
  'connector.updated',
  'consent.granted',
  'consent.revoked',
  'device.added',
  'device.moved',
  'device.removed',
  'grant.ended',
  'grant.started',
  'intent.declined',
  'intent.signed',
  'invitation.created',
  'invitation.deleted',
  'invitation.used',
  'key.created',
  'key.rotated',
  'lock.created',
  'lock.deleted',
  'mfa.enrolled',
  'mfa.failed',
  'mfa.removed',
  'mfa.verified',
  'request.failed',
  'role.created',
  'role.deleted',
  'role.updated',
  'session.revoked',
  'token.created',
  'token.deleted',
  'token.issued',
  'token.revoked',
  'tool.called',
  'user.admin_kept',
  'user.cert.issued',
  'user.created',
  'user.deleted',
  'user.login',
  'user.login.failed',
  'user.logout',
  'user.updated',
]

/** Types of the events that change nothing that stays: requests, sign-ins, reads, and what agents and authorities report. */
export const passing: readonly string[] = [
  ...['access.denied', 'agent.connected', 'agent.disconnected', 'agent.rejected', 'app.request'],
  ...['app.session.end', 'app.session.start', 'app.target', 'audit.read', 'backup.created', 'cert.failed'],
  ...['connector.tested', 'mfa.failed', 'mfa.verified', 'request.failed', 'token.issued', 'tool.called'],
  ...['user.cert.issued', 'user.login', 'user.login.failed', 'user.logout'],
]

/** Types of the events that are stored as text, also those of other plugins: one index lookup for each. At most 1,000. */
export async function storedTypes(database: Database): Promise<readonly string[]> {
  const { rows } = await sql<{ type: string }>`WITH RECURSIVE found (type) AS (
      (SELECT left(type, 200) FROM audit_database_texts ORDER BY left(type, 200) LIMIT 1)
      UNION ALL
      SELECT (SELECT left(type, 200) FROM audit_database_texts WHERE left(type, 200) > found.type
        ORDER BY left(type, 200) LIMIT 1) FROM found WHERE found.type IS NOT NULL
    ) SELECT type FROM found WHERE type IS NOT NULL LIMIT 1000`.execute(database)
  return rows.map(({ type }) => type)
}

/** The known type that another one probably misspells, or null. */
export function likelyType(type: string, known: readonly string[] = eventTypes): string | null {
  const likely = closest(type, [...known])
  return distance(type, likely) <= Math.max(2, type.length / 3) ? likely : null
}

/** Types of other plugins are not known before an event has one; but a type that looks like a known one is a mistake. */
export function misspelledTypes(types: readonly string[]): { path: string[]; message: string }[] {
  return types.flatMap((type) => {
    const likely = eventTypes.includes(type) ? null : likelyType(type)
    const path = ['retention_by_type', type]
    if (likely !== null) return [{ path, message: `is not a type of audit event; did you mean '${likely}'?` }]
    const isName = /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$/.test(type) || eventTypes.includes(type)
    return isName ? [] : [{ path, message: 'is not a type of audit event, such as app.request' }]
  })
}
