import type { AuditEvent } from '@mezite/core'
import type { Run } from './chain-writer.ts'
import { cellOrNull, cells, nameCell, rowsOf } from './column-cells.ts'

/** Of templates in memory; 10 MB. */
const MOST = 20_000
const COLUMNS = 'template, hub, user_name, app, session_id, client_ip, reason'

/**
 * The stored contexts that a writer knows, by template: what the requests of one session to one app have in common. Each is
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
    requests: readonly { template: string; text: string }[],
    first: number,
  ): Promise<number[]> {
    if (this.#ids.size > MOST || this.#first !== first) this.clear()
    this.#first = first
    const missing = new Map<string, string>()
    for (const { template, text } of requests) if (!this.#ids.has(template)) missing.set(template, text)
    if (missing.size > 0) {
      const known = await run(
        `SELECT id, template FROM audit_database_contexts JOIN ${rowsOf(1, 'wanted')} ON template = wanted
        AND id >= $2::bigint`,
        [cells([...missing.keys()]), first],
      )
      for (const template of this.#remember(known)) missing.delete(template)
    }
    if (missing.size > 0) this.#remember(await insert(run, missing))
    return requests.map(({ template }) => this.#ids.get(template)!)
  }

  #remember(rows: readonly unknown[]): readonly string[] {
    const contexts = rows as readonly { id: number; template: string }[]
    for (const { id, template } of contexts) this.#ids.set(template, id)
    return contexts.map(({ template }) => template)
  }
}

function insert(run: Run, missing: ReadonlyMap<string, string>): Promise<readonly unknown[]> {
  const events = [...missing.values()].map((text) => JSON.parse(text) as AuditEvent)
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
