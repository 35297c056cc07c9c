import { Readable } from 'node:stream'
import { type Audit, apiRoutes, type Database, type Log, messageOf, Type, type WebRoutes } from '@mezite/core'
import { recordRead } from './audit-routes.ts'
import type { CheckpointKey } from './checkpoint-key.ts'
import { problemFor } from './reasons.ts'
import { type Noted, verifyTrail } from './verification.ts'

const TELL_MS = 1_000

const Query = Type.Closed({
  checkpoint: Type.Optional(
    Type.String({
      pattern: '^[1-9][0-9]{0,14}:[A-Za-z0-9_-]{43}$',
      description: 'a checkpoint from an earlier check, as NUMBER:HASH; the trail must still contain it',
    }),
  ),
})

interface Deps {
  readonly database: Database
  readonly audit: Audit
  readonly key: () => CheckpointKey
  /** The newest checkpoint that this hub has written or seen. */
  readonly newest: () => Noted | null
  readonly log: Log
}

/**
 * `GET /v1/webapi/audit/verify`, for admins: NDJSON, `{"events": 1200}` about once a second while it reads, then the report.
 * One at a time on each hub (429 `verify_running`).
 */
export function verifyRoute(deps: Deps): WebRoutes {
  let running = false

  async function* report(byCaller: Noted | null): AsyncGenerator<string> {
    try {
      const reading = verifyTrail(deps.database, deps.key(), { byCaller, byHub: deps.newest() })
      for (let reportedAt = performance.now(); ; ) {
        const { value, done } = await reading.next()
        if (done) {
          const { ok, findings } = value
          if (!ok) deps.log.error({ findings }, 'the audit trail differs from what was recorded')
          yield `${JSON.stringify(value)}\n`
          return
        }
        if (performance.now() - reportedAt < TELL_MS) continue
        reportedAt = performance.now()
        yield `${JSON.stringify({ events: value })}\n`
      }
    } catch (error) {
      deps.log.error({ error: messageOf(error) }, 'failed to verify the audit trail')
      throw error
    } finally {
      running = false
    }
  }

  return apiRoutes('audit', (on) => {
    const summary = 'Proves that the audit trail is what was recorded'
    on('GET /verify', { access: 'audit.read', summary, querystring: Query }, (_, { query, actor }, reply) => {
      if (running) throw problemFor('verify_running')
      const [number, hash] = query.checkpoint?.split(':') ?? []
      const noted = number && hash ? { number: Number(number), hash } : null
      recordRead(deps.audit, actor, 'audit/verify')
      running = true
      const stream = Readable.from(report(noted))
      stream.on('error', () => {})
      reply.raw.once('close', () => stream.destroy())
      return reply.type('application/x-ndjson').header('cache-control', 'no-store').send(stream)
    })
  })
}
