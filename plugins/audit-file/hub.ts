import { join, parse } from 'node:path'
import { auditSinks, defineHubPlugin, Type } from '@mezite/core'
import { createSink } from './sink.ts'

const UNITS = { KB: 1_000, MB: 1_000_000, GB: 1_000_000_000 }
const SIZE_PATTERN = '^[1-9][0-9]{0,5}(KB|MB|GB)$'

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
        description: 'KB, MB or GB, at which the file is rotated',
      }),
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
    },
    { additionalProperties: false },
  ),
  provides: { auditSinks },
  setup({ config, log, tap, provide }) {
    const { keep, guarantee } = config
    const path = ownPath(config.path, process.env.MEZITE_PROCESS)
    const sink = createSink({ path, maxBytes: parseSize(config.max_size), keep }, guarantee)
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

/** The bytes of a size such as `100MB`; units are powers of 1,000. */
function parseSize(text: string): number {
  return Number(text.slice(0, -2)) * UNITS[text.slice(-2) as keyof typeof UNITS]
}
