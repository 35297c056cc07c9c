import { setTimeout as pause } from 'node:timers/promises'
import {
  AdminCommand,
  CliError,
  escapeText,
  type Flat,
  type HubClient,
  showJsonLine,
  showYaml,
} from '@mezite/cli'
import { readSince } from './audit-query.ts'

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 5_000
const CATCH_UP = 10_000

export class AuditTail extends AdminCommand {
  static override summary = 'Follow the audit trail until Ctrl-C; in JSON, one event a line'
  static override examples = ['<%= config.bin %> <%= command.id %> --json']

  async run(): Promise<void> {
    const { flags } = await this.parse(AuditTail)
    const format = this.formatOf(flags)
    for await (const event of followAudit(this.hub(flags), (text) => this.note(text))) {
      if (typeof event !== 'object')
        throw new CliError('MEZ_HUB_UNEXPECTED', 'the hub sent a line that is not an event')
      if (format === 'json') this.write(showJsonLine(event))
      else if (format === 'yaml') this.write(`---\n${await showYaml(event)}`)
      else this.write(eventLine(event))
    }
  }
}

/**
 * Events as they happen, forever. After a lost connection it reports that, reconnects, and first yields the events in
 * between, none twice. Throws if the hub refuses, or if it is unreachable at the first attempt.
 */
async function* followAudit(
  client: HubClient,
  note: (text: string) => void,
): AsyncGenerator<Flat, void, undefined> {
  const seen = new Set<unknown>()
  let last: string | undefined
  let connected = false
  let waitMs = FIRST_WAIT_MS

  const isNew = (event: Flat) => {
    if (typeof event.id !== 'string') return true
    if (seen.has(event.id)) return false
    seen.add(event.id)
    if (seen.size > CATCH_UP) seen.delete(seen.values().next().value)
    last = event.id
    return true
  }

  while (true) {
    let why = 'the hub closed it'
    try {
      for await (const event of openTail(client, last)) {
        if (event === OPEN) {
          if (connected) note('Reconnected.')
          connected = true
          waitMs = FIRST_WAIT_MS
        } else if (isNew(event)) yield event
      }
    } catch (error) {
      const refused = error instanceof CliError && error.status !== null && error.status < 500
      if (!connected || refused) throw error
      why = (error as Error).message
    }
    note(`The connection was lost (${escapeText(why)}). Reconnecting in ${waitMs / 1000} s.`)
    await pause(waitMs)
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  }
}

const OPEN: Flat = {}

/** `OPEN` once the stream is open, then the events missed since `last`, then the events of the stream. */
async function* openTail(client: HubClient, last: string | undefined): AsyncGenerator<Flat, void, undefined> {
  const stream = client.follow('/audit/tail')
  try {
    await stream.next()
    yield OPEN
    // The stream is open already, so an event in between arrives twice rather than never.
    if (last !== undefined) yield* readSince(client, last, CATCH_UP)
    for await (const event of stream) yield event as Flat
  } finally {
    await stream.return()
  }
}

/** Fields with a fixed place in the line, or of no use to a reader. */
const OMITTED = new Set('id time type user success reason cluster hub roles session_id request_id'.split(' '))

/** An audit event in one line: time (UTC), type, user, the reason of a failure, and the other fields as `name=value`. */
function eventLine(event: Flat): string {
  const parts = [String(event.time ?? '-'), String(event.type ?? '-').padEnd(17), String(event.user ?? '-')]
  if (event.success === false) parts.push(`FAILED (${String(event.reason ?? 'no reason')})`)
  for (const [name, value] of Object.entries(event)) {
    if (OMITTED.has(name) || value === null || value === undefined || value === '') continue
    parts.push(`${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
  }
  return escapeText(parts.join('  '))
}
