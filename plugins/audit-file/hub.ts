import { join, parse } from 'node:path'
import { auditSinks, defineHubPlugin, Type } from '@mezite/core'
import { createSink } from './sink.ts'

/** Writes audit events to a file, for a log collector. The page audit-file of the documentation says what is guaranteed. */
export default defineHubPlugin({
  name: 'audit-file',
  api: 1,
  summary: 'Writes audit events to a file',
  config: Type.Closed({
    path: Type.String({ pattern: '^/.', description: 'absolute path of the file' }),
    max_size: Type.Size({ default: '100MB', min: '1KB', description: 'size at which the file is rotated' }),
    keep: Type.Integer({
      default: 10,
      minimum: 1,
      maximum: 1_000,
      description: 'how many rotated files to keep',
    }),
    guarantee: Type.Union([Type.Literal('enforced'), Type.Literal('best-effort')], {
      default: 'enforced',
      description: 'enforced: no new request while the file cannot be written',
    }),
  }),
  provides: { auditSinks },
  setup({ config, log, tap, provide }) {
    const { keep, guarantee } = config
    const path = ownPath(config.path, process.env.MEZITE_PROCESS)
    const sink = createSink({ path, maxBytes: config.max_size, keep }, guarantee)
    const onHangUp = () => {
      log.info({ path }, 'reopening the audit file')
      sink.reopen()
    }
    provide.auditSinks(sink)
    tap.lifecycle.start(async () => {
      await sink.start()
      process.on('SIGHUP', onHangUp)
    })
    tap.lifecycle.stop(async () => {
      process.off('SIGHUP', onHangUp)
      await sink.stop()
    })
  },
})

/** Processes that share a port must not share a file, because each rotates its own: the second writes `audit-2.jsonl`. */
function ownPath(path: string, process = '1'): string {
  const { dir, name, ext } = parse(path)
  return process === '1' ? path : join(dir, `${name}-${process}${ext}`)
}
