import type { Audit, Catalog, Session } from '@mezite/core'
import type { EndReason } from '@mezite/core/protocol'
import type { Records } from './records.ts'

/** A token that was refused while it was issued was never given out. */
const NOT_REVOKED: ReadonlySet<string> = new Set(['expired', 'idle', 'denied'] satisfies EndReason[])
/** For longer than any hub is behind. */
const ONCE_SECONDS = 600

/**
 * Records that a consent or a token has ended before its time: the end of its session is what takes access away, whoever
 * caused it. Every hub calls it, and one of them records.
 */
export function createRevocationRecord(deps: {
  readonly records: Pick<Records, 'takeOnce'>
  readonly audit: Pick<Audit, 'record'>
  readonly catalog: Pick<Catalog, 'byId'>
}) {
  const { records, audit, catalog } = deps
  return async ({ id, kind, user, apps, client }: Session, reason: EndReason): Promise<void> => {
    if (kind !== 'token' || NOT_REVOKED.has(reason)) return
    if (!(await records.takeOnce(`revoked:${id}`, ONCE_SECONDS))) return
    const names = apps.map((app) => catalog.byId(app)?.name ?? app)
    const consent = names.length === 0
    audit.record({
      type: consent ? 'consent.revoked' : 'token.revoked',
      success: true,
      user,
      sessionId: id,
      fields: {
        name: consent ? client : names.join(','),
        ...(consent ? {} : { program: client }),
        end_reason: reason,
      },
    })
  }
}
