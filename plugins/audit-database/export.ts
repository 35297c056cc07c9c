import { Readable } from 'node:stream'
import type { AuditEvent, Database } from '@mezite/core'
import type { EventFilter } from './event-filter.ts'
import { readEvents } from './event-query.ts'

const PAGE = 500
/** Events of one export; a longer one is made in parts by time. */
export const MOST_EXPORTED = 100_000

const COLUMNS = [
  ...['time', 'type', 'user', 'app', 'success', 'reason', 'method', 'path', 'status', 'duration_ms'],
  ...['bytes_in', 'bytes_out', 'agent', 'client_ip', 'session_id', 'request_id', 'id', 'hub', 'object'],
]

interface Export {
  readonly database: Database
  readonly filter: EventFilter
  readonly format: 'jsonl' | 'csv'
  /** Asked before each page; false breaks the stream off, so that the file is not mistaken for a whole one. */
  readonly allowed: () => boolean
}

/** The events that match, newest first, as JSON lines or as a table. Reads a page only when the reader wants more. */
export function exportEvents(options: Export): Readable {
  return Readable.from(pages(options))
}

async function* pages({ database, filter, format, allowed }: Export) {
  if (format === 'csv') yield row(COLUMNS)
  let before: number | null = null
  for (let count = 0; count < MOST_EXPORTED; ) {
    if (!allowed()) throw new Error('the reader of the export is not an administrator any more')
    const events = await readEvents(database, filter, { before }, Math.min(PAGE, MOST_EXPORTED - count))
    const [oldest] = events
    if (!oldest) return
    const line = format === 'csv' ? tableRow : (event: AuditEvent) => `${JSON.stringify(event)}\n`
    yield events
      .toReversed()
      .map(({ event }) => line(event))
      .join('')
    before = oldest.seq
    count += events.length
  }
}

const tableRow = (event: AuditEvent): string =>
  row(COLUMNS.map((column) => (column === 'object' ? objectOf(event) : event[column]) ?? ''))

/** What a change or a sign-in was about, beside the app and the agent, which have columns of their own. */
function objectOf(event: AuditEvent): unknown {
  if (event.target) return `${event.target_kind} ${event.target}`
  // A session's own name is an id.
  const named = event.session_user ?? event.name ?? event.credential_id ?? event.token
  return named ?? event.connector ?? event.resource
}

const row = (cells: readonly unknown[]): string =>
  `${cells.map((value) => cell(String(value))).join(',')}\r\n`

/**
 * One cell of RFC 4180. Spreadsheets run what starts with =, +, -, @, a tab or a return as a formula, so that such text
 * gets an apostrophe before it.
 */
export function cell(text: string): string {
  const inert = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert
}
