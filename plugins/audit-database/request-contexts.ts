import type { AuditEvent } from '@mezite/core'
import type { Run } from './chain-writer.ts'
import { cellOrNull, cells, nameCell, rowsOf } from './column-cells.ts'
import { templateOf } from './request-text.ts'

/** Of contexts in memory; 10 MB. */
const MOST = 20_000
const COLUMNS = 'template, hub, user_name, app, session_id, client_ip, reason'

/**
 * The stored contexts that a writer knows, by their text: what the requests of one session to one app have in common. Each is
 * stored once, and requests refer to its number.
 */
export class RequestContexts {
  readonly #ids = new Map<string, number>()
  #first = 0

  /** Forgets all: some may have been deleted, or were never committed. */
  clear(): void {
    this.#ids.clear()
  }

  /** The number of the context of each request, not below `first`. Contexts that are missing are stored. */
  async idsOf(
    run: Run,
    requests: readonly { context: string; text: string }[],
    first: number,
  ): Promise<number[]> {
    if (this.#ids.size > MOST || this.#first !== first) this.clear()
    this.#first = first
    const known = requests.map(({ context }) => this.#ids.get(context))
    if (!known.includes(undefined)) return known as number[]
    /** By template. */
    const missing = new Map<string, { context: string; text: string }>()
    requests.forEach((request, at) => {
      if (known[at] === undefined) missing.set(templateOf(request.context), request)
    })
    const stored = await run(
      `SELECT id, template FROM audit_database_contexts JOIN ${rowsOf(1, 'wanted')} ON template = wanted
      AND id >= $2::bigint`,
      [cells([...missing.keys()]), first],
    )
    this.#remember(stored, missing)
    if (missing.size > 0) this.#remember(await insert(run, missing), missing)
    return requests.map(({ context }) => this.#ids.get(context)!)
  }

  /** Takes what is stored from the missing ones. */
  #remember(rows: readonly unknown[], missing: Map<string, { context: string }>): void {
    for (const { id, template } of rows as readonly { id: number; template: string }[]) {
      const request = missing.get(template)
      if (request === undefined) continue
      this.#ids.set(request.context, id)
      missing.delete(template)
    }
  }
}

function insert(run: Run, missing: ReadonlyMap<string, { text: string }>): Promise<readonly unknown[]> {
  const events = [...missing.values()].map(({ text }) => JSON.parse(text) as AuditEvent)
  return run(
    `INSERT INTO audit_database_contexts (${COLUMNS}) SELECT ${COLUMNS} FROM ${rowsOf(1, COLUMNS)}
    RETURNING id, template`,
    [
      cells([...missing.keys()]),
      cells(events.map(({ hub }) => hub)),
      cells(events.map(({ user }) => nameCell(user))),
      cells(events.map(({ app }) => nameCell(app))),
      cells(events.map(({ session_id }) => cellOrNull(session_id))),
      cells(events.map(({ client_ip }) => cellOrNull(client_ip))),
      cells(events.map(({ reason }) => cellOrNull(reason))),
    ],
  )
}
