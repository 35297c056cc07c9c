import { auditSinks, defineHubPlugin, Type } from '@mezite/core'
import { createSink } from './sink.ts'
import { parseSize, SIZE_PATTERN } from './size.ts'

/** Writes audit events to a file, for a log collector. README.md says what is guaranteed. */
export default defineHubPlugin({
  name: 'audit-file',
  api: 1,
  summary: 'Writes audit events to a file',
  config: Type.Object(
    {
      path: Type.String({ pattern: '^/.', description: 'absolute path of the file' }),
      max_size: Type.String({
        default: '100MB',
        pattern: SIZE_PATTERN,
        description: 'KB, MB or GB; then another file is begun',
      }),
      keep: Type.Integer({
        default: 10,
        minimum: 1,
        maximum: 1_000,
        description: 'former files that are kept',
      }),
      guarantee: Type.Union([Type.Literal('enforced'), Type.Literal('best-effort')], {
        default: 'enforced',
        description: 'enforced: no new request while the file cannot be written',
      }),
    },
    { additionalProperties: false },
  ),
  provides: { auditSinks },
  setup({ config, log, tap, provide }) {
    const { path, keep, guarantee } = config
    const sink = createSink({ path, maxBytes: parseSize(config.max_size), keep }, guarantee)
    const onHangUp = () => {
      log.info({ path }, 'the audit file is opened anew')
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
