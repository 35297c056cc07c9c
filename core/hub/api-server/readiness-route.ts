import { sql } from 'kysely'
import type { DiagnosticsRoute } from '../../api/diagnostics.ts'
import type { Revisions } from '../../api/revisions.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { messageOf } from '../../kernel/error.ts'
import { plainText } from '../../log/diagnostics-listener.ts'
import type { RunningAudit } from '../audit/audit.ts'
import type { OpenDatabase } from '../database/database.ts'

const CHECK_MS = 2_000

export interface ReadinessOptions {
  readonly state: () => 'starting' | 'ready' | 'draining'
  /** Checks by name; each returns its problem or null. A check that throws or takes longer than 2 s fails. */
  readonly checks: Readonly<Record<string, () => string | null | Promise<string | null>>>
}

/**
 * `GET /readyz`: 200 while the hub accepts requests, 503 with the state while it starts or drains. A failed check does
 * not change the status, because a hub that shows an error page serves people better than a balancer without hubs.
 * `?deep` runs every check, lists each on its own line, and responds 503 if one fails.
 */
export function readinessRoute({ state, checks }: ReadinessOptions): DiagnosticsRoute {
  return {
    path: '/readyz',
    async respond(query) {
      const current = state()
      if (current !== 'ready') return plainText(503, current)
      if (!query.has('deep')) return plainText(200, 'ready')
      const results = await Promise.all(
        Object.entries(checks).map(async ([name, check]) => {
          const problem = await withDeadline(async () => check(), CHECK_MS).catch(messageOf)
          return { failed: problem !== null, line: `${name}: ${problem ?? 'ok'}` }
        }),
      )
      const status = results.some(({ failed }) => failed) ? 503 : 200
      return plainText(status, results.map(({ line }) => line).join('\n'))
    },
  }
}

/** The checks of `/readyz?deep`. */
export function readinessChecks({
  store,
  revisions,
  audit,
}: {
  readonly store: Pick<OpenDatabase, 'reserved'>
  readonly revisions: Pick<Revisions, 'ageMs' | 'fresh'>
  readonly audit: Pick<RunningAudit, 'accepting' | 'sinks'>
}): ReadinessOptions['checks'] {
  return {
    database: async () => {
      await sql`SELECT 1`.execute(store.reserved)
      return null
    },
    view: () =>
      revisions.fresh() ? null : `view_stale, access data was last read ${secondsOf(revisions.ageMs())} ago`,
    audit: () =>
      audit.accepting
        ? null
        : `audit_unavailable, ${audit.sinks.map(({ name, queued }) => `${name}: ${queued} queued`).join(', ')}`,
  }
}

const secondsOf = (ms: number): string => `${Math.round(ms / 1_000)} s`
