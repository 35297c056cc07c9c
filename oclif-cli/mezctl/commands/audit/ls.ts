import { parseMoment, showTable } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import { readAudit, readNewestAudit } from '../../audit-query.ts'
import type { Flat } from '../../resource.ts'

export default class AuditLs extends AdminCommand {
  static override summary = 'read the audit trail, oldest first'
  static override flags = {
    type: Flags.string({ description: 'only this type of event, such as access.denied' }),
    user: Flags.string({ description: 'only of this person' }),
    app: Flags.string({ description: 'only at this app' }),
    from: Flags.string({ description: 'not before: 24h (ago), a date, or an RFC 3339 time' }),
    to: Flags.string({ description: 'not after; written as --from' }),
    limit: Flags.integer({ default: 100, min: 1, max: 100_000, description: 'at most so many' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AuditLs)
    const { type, user, app, from, to, limit } = flags
    const query = {
      type,
      user,
      app,
      from: from === undefined ? undefined : parseMoment(from, '--from'),
      to: to === undefined ? undefined : parseMoment(to, '--to'),
    }
    const hub = this.hub(flags)
    const events =
      query.from === undefined
        ? await readNewestAudit(hub, query, limit)
        : await Array.fromAsync(readAudit(hub, query, limit))
    await this.show(flags, events, () =>
      events.length === 0
        ? 'No such events. Widen the search with an earlier --from, or leave out --type, --user and --app.'
        : showTable(['time (UTC)', 'type', 'user', 'app', 'result', 'what'], events.map(row)),
    )
    if (events.length === limit && process.stdout.isTTY)
      this.note(`Only ${limit} are shown; more with --limit.`)
  }
}

function row(event: Flat): readonly unknown[] {
  const time = String(event.time ?? '-')
    .replace('T', ' ')
    .replace(/\.\d+Z$/, '')
  return [
    time,
    event.type,
    event.user,
    event.app,
    event.success === false ? (event.reason ?? 'failed') : 'ok',
    what(event),
  ]
}

/** The request, or the target, agent, credential or resource that an event is about. */
function what(event: Flat): unknown {
  if (event.method && event.path) return `${event.status ?? ''} ${event.method} ${event.path}`.trim()
  if (event.target) return `${event.target_kind ?? ''} ${event.target}`.trim()
  // Before the connector that had signed them in.
  if (event.session_user) return event.session_user
  return event.agent ?? event.connector ?? event.end_reason ?? event.name ?? event.role ?? event.resource
}
