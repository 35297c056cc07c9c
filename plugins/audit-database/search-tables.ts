import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/** A larger table gets its indexes beside the running hubs: see `buildIndexes`. In bytes. */
const LARGE = 256 * 1024 * 1024

const filed = (field: string) => `left(event ->> '${field}', 200)`

/**
 * Indexes of searches by table: the value, and the number, so that the newest events with a value are at the end of its
 * entries. Those of the same name before had the value alone.
 */
export const searchIndexes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  audit_database_texts: {
    audit_database_events_user: '(user_name, seq)',
    audit_database_events_app: '(app, seq)',
    audit_database_events_type: '(left(type, 200), seq)',
    audit_database_events_session_id: `(${filed('session_id')}, seq)`,
    audit_database_events_client_ip: `(${filed('client_ip')}, seq)`,
    audit_database_events_agent: `(${filed('agent')}, seq) WHERE event ->> 'agent' IS NOT NULL`,
  },
  audit_database_requests: { audit_database_requests_context: '(context, seq)' },
}

export const searchTables: Migration = {
  async up(db) {
    const run = (statement: string) => sql.raw(statement).execute(db)
    // Between which times events are, for a piece of the trail.
    await run(`CREATE TABLE audit_database_spans (
      first bigint PRIMARY KEY,
      last bigint NOT NULL,
      oldest timestamptz NOT NULL,
      newest timestamptz NOT NULL
    )`)
    await run('CREATE INDEX audit_database_spans_oldest ON audit_database_spans (oldest, last)')
    await run('CREATE INDEX audit_database_spans_newest ON audit_database_spans (newest, first)')
    // Of an agent, as it is spelled in JSON, the first 200 characters.
    await run(`CREATE TABLE audit_database_context_agents (
      agent text NOT NULL,
      context bigint NOT NULL,
      PRIMARY KEY (context, agent)
    )`)
    await run(
      'CREATE INDEX audit_database_context_agents_agent ON audit_database_context_agents (agent, context)',
    )
    for (const [table, indexes] of Object.entries(searchIndexes)) {
      const { rows } = await sql<{ bytes: number }>`SELECT pg_relation_size(${table}) AS bytes`.execute(db)
      if ((rows[0]?.bytes ?? 0) > LARGE) continue
      for (const [name, columns] of Object.entries(indexes)) {
        await run(`DROP INDEX IF EXISTS ${name}`)
        await run(`CREATE INDEX ${name} ON ${table} ${columns}`)
      }
    }
  },
}
