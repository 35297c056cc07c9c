import { isAbsolute } from 'node:path'
import { Readable } from 'node:stream'
import { type Audit, type Log, messageOf, Type, type WebRoutes } from '@mezite/core'
import { type BackupSource, takeBackup } from './archive/backup.ts'
import { encrypterFor } from './archive/write-archive.ts'
import { problemFor } from './reasons.ts'

const Body = Type.Closed({
  file: Type.String({ maxLength: 4_096, description: 'absolute path on the machine of the hub' }),
  recipients: Type.Array(Type.String({ maxLength: 4_096 }), { minItems: 1, maxItems: 16 }),
})

const TELL_MS = 500

export interface BackupRouteDeps {
  readonly audit: Audit
  readonly source: () => Promise<BackupSource>
  readonly log: Log
}

/**
 * `POST /v1/webapi/backups`, for the operator on the admin socket alone, since the hub writes the file: NDJSON with the rows
 * copied since the last line, then `{"done": rows}` or `{"error": text}`. One at a time on each hub (429 `backup_running`).
 */
export function backupRoute({ audit, source, log }: BackupRouteDeps): WebRoutes {
  let running = false

  async function* report(
    file: string,
    recipients: readonly string[],
    record: (failure: string | null) => void,
  ): AsyncGenerator<string> {
    const counts = new Map<string, number>()
    let ended = false
    const add = (table: string, rows: number) => void counts.set(table, (counts.get(table) ?? 0) + rows)
    const taking = source().then((from) => takeBackup(from, file, recipients, add))
    const settled = taking.then(
      (done) => ({ done }),
      (error: unknown) => ({ error: messageOf(error) }),
    )
    // Also when the client has gone.
    void settled.then((result) => {
      ended = true
      running = false
      record('error' in result ? result.error : null)
      if ('error' in result) log.error({ error: result.error, file }, 'backup failed')
      else log.info({ rows: result.done, file }, 'backup written')
    })
    while (!ended) {
      await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, TELL_MS))])
      for (const [table, rows] of counts) yield `${JSON.stringify({ table, rows })}\n`
      counts.clear()
    }
    yield `${JSON.stringify(await settled)}\n`
  }

  return {
    name: 'backup',
    prefix: '/v1/webapi',
    async routes(app) {
      app.post(
        '/backups',
        {
          config: { access: 'backup.create', deadlineMs: 60_000 },
          schema: { summary: 'Writes an encrypted backup to a file of the machine of the hub', body: Body },
        },
        async (request, reply) => {
          const { file, recipients } = request.body as { file: string; recipients: string[] }
          if (request.subject.user !== 'operator@socket') throw problemFor('operator_only')
          if (!isAbsolute(file)) throw problemFor('path_not_absolute')
          await encrypterFor(recipients).catch((error) => {
            throw problemFor('recipient_invalid', `${messageOf(error)}.`)
          })
          if (running) throw problemFor('backup_running')
          running = true
          const record = (failure: string | null) =>
            audit.record({
              ...{ type: 'backup.created', success: failure === null, by: request.actor },
              ...{ reason: failure === null ? null : 'backup_failed', fields: { file, failure } },
            })
          const stream = Readable.from(report(file, recipients, record))
          stream.on('error', () => {})
          reply.raw.once('close', () => stream.destroy())
          return reply.type('application/x-ndjson').header('cache-control', 'no-store').send(stream)
        },
      )
    },
  }
}
