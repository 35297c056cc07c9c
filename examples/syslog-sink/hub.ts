import { type AuditEvent, auditSinks, defineHubPlugin, messageOf, Type } from '@mezite/core'
import { openSpool, type Spool } from './spool.ts'
import { openSyslog } from './syslog.ts'

/** Events in one call, so that a call stays below the limits of syslog servers. */
const BATCH = 200

/**
 * Sends audit events to a syslog server (RFC 5424 in the frames of RFC 6587, over TCP). They are on the disk before they
 * count as written, so a server that is away for hours delays nobody and loses nothing; it may see an event twice.
 */
export default defineHubPlugin({
  name: 'syslog-sink',
  api: 1,
  summary: 'Sends audit events to a syslog server',
  config: Type.Object(
    {
      server: Type.String({ pattern: '^[A-Za-z0-9.-]+:[1-9][0-9]{0,4}$', description: 'HOST:PORT' }),
      spool: Type.String({ pattern: '^/.', description: 'Absolute path of a folder for this plugin alone' }),
      retry: Type.Duration({ default: '5s', min: '10ms', max: '5m', description: 'Wait after a failure' }),
      max_spool: Type.Size({ default: '1GB', min: '1MB', description: 'Largest size of what waits' }),
    },
    { additionalProperties: false },
  ),
  provides: { auditSinks },
  setup({ config, log, tap, provide }) {
    const [host = '', port] = config.server.split(':')
    const syslog = openSyslog({ host, port: Number(port) })
    const stopped = new AbortController()
    let spool: Spool | undefined
    let sending: Promise<void> = Promise.resolve()
    let wake = () => {}
    let failing = false

    /** Waits for something new, or for `ms`, or for the stop. */
    const pause = (ms?: number) =>
      new Promise<void>((resolve) => {
        wake = resolve
        stopped.signal.addEventListener('abort', () => resolve(), { once: true })
        if (ms !== undefined) setTimeout(resolve, ms).unref()
      })

    async function send(from: Spool): Promise<void> {
      while (!stopped.signal.aborted) {
        const next = await from.next()
        if (next === null) {
          await pause()
          continue
        }
        try {
          await syslog.send(next.lines.map((line) => message(JSON.parse(line))))
          await next.done()
          failing = false
        } catch (error) {
          if (!failing)
            log.warn({ server: config.server, cause: messageOf(error) }, 'audit events wait in the spool')
          failing = true
          await pause(config.retry)
        }
      }
    }

    provide.auditSinks({
      name: 'syslog-sink',
      guarantee: 'enforced',
      batch: BATCH,
      async write(lines, batch) {
        if (spool === undefined) throw new Error('the spool is not open')
        await spool.add(lines, batch)
        wake()
      },
      // A batch is safe when `write` resolves.
      flush: async () => {},
    })
    tap.lifecycle.start(async () => {
      spool = await openSpool(config.spool, config.max_spool)
      sending = send(spool).catch((error) =>
        log.error({ cause: messageOf(error) }, 'the spool cannot be read'),
      )
    })
    tap.lifecycle.stop(async () => {
      stopped.abort()
      syslog.close()
      await sending
    })
  },
})

/** Facility 13 (log audit); severity 4 for what was denied or failed, 6 for the rest. */
function message(event: AuditEvent): string {
  const priority = 13 * 8 + (event.success ? 6 : 4)
  return `<${priority}>1 ${event.time} ${event.hub} mezite - ${event.type.slice(0, 32)} - ${JSON.stringify(event)}`
}
