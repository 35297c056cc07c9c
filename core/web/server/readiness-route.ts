import { sql } from 'kysely'
import type { Audit } from '../../api/audit.ts'
import type { Database } from '../../api/database.ts'
import type { DiagnosticsRoute } from '../../api/diagnostics.ts'
import type { HubState } from '../../api/hub-state.ts'
import type { Revisions } from '../../api/revisions.ts'
import { plainText } from '../../base/log/diagnostics-listener.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { messageOf } from '../../kernel/error.ts'

const CHECK_MS = 2_000

export interface ReadinessOptions {
  readonly state: () => 'starting' | 'ready' | 'draining'
  /** Checks by name; each returns its problem or null. A check that throws or takes longer than 2 s fails. */
  readonly checks: Readonly<Record<string, () => string | null | Promise<string | null>>>
}

/** What one process of several on a port contributes. */
interface Readiness {
  readonly state: ReturnType<ReadinessOptions['state']>
  /** The problem of each check by name, or null; empty unless asked for. */
  readonly results: Readonly<Record<string, string | null>>
}

/**
 * `GET /readyz`: 200 while the hub accepts requests, 503 with the state while it starts or drains. A failed check does
 * not change the status, because a hub that shows an error page serves people better than a balancer without hubs.
 * `?deep` runs every check, lists each on its own line, and responds 503 if one fails. Of several processes on one port,
 * one must accept requests, and the checks of all count.
 */
export function readinessRoute({ state, checks }: ReadinessOptions): Required<DiagnosticsRoute> {
  async function contribute(query: URLSearchParams): Promise<Readiness> {
    const names = query.has('deep') ? Object.keys(checks) : []
    const results = await Promise.all(
      names.map(async (name) => {
        const problem = await withDeadline(async () => checks[name]?.() ?? null, CHECK_MS).catch(messageOf)
        return [name, problem] as const
      }),
    )
    return { state: state(), results: Object.fromEntries(results) }
  }
  return {
    path: '/readyz',
    contribute,
    async respond(query, others) {
      const all = [await contribute(query), ...(others as readonly Readiness[])]
      const ready = all.filter((process) => process.state === 'ready')
      if (ready.length === 0) return plainText(503, state())
      if (!query.has('deep')) return plainText(200, 'ready')
      const problems = Object.keys(checks).map((name) => ({
        name,
        problem: ready.map(({ results }) => results[name]).find((problem) => problem),
      }))
      const status = problems.some(({ problem }) => problem) ? 503 : 200
      return plainText(status, problems.map(({ name, problem }) => `${name}: ${problem ?? 'ok'}`).join('\n'))
    },
  }
}

/** The checks of `/readyz?deep`. */
export function readinessChecks({
  store,
  revisions,
  audit,
}: {
  /** A connection that nothing else holds. */
  readonly store: { readonly reserved: Database }
  readonly revisions: Pick<Revisions, 'ageMs' | 'fresh'>
  readonly audit: Pick<Audit, 'accepting'> & Pick<HubState, 'sinks'>
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
