import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

const VALUES = [
  ...[
    'stored.id',
    `to_char(stored.time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
    'stored.request_id',
  ],
  ...[1, 2, 3, 4, 5, 6, 7].map((at) => `split_part(stored.parts, E'\\t', ${at})`),
]
const PIECES = VALUES.map((value, at) => `split_part(template, E'\\t', ${at + 1}), ${value}`)
/** The text of a request: the template of its context, with the values of the request between its pieces. */
const TEXT = `(SELECT concat(${PIECES.join(', ')}, split_part(template, E'\\t', ${VALUES.length + 1}))
  FROM audit_database_contexts WHERE id = stored.context)`

const ofContext = (column: string) =>
  `(SELECT ${column} FROM audit_database_contexts WHERE id = stored.context) AS ${column}`

/** The views of all events, and of requests as events. */
export async function createRequestViews(
  run: (statement: string) => Promise<unknown>,
  create: 'CREATE VIEW' | 'CREATE OR REPLACE VIEW' = 'CREATE OR REPLACE VIEW',
): Promise<void> {
  await run(`${create} audit_database_request_events AS SELECT
    seq, id, time, 'app.request' AS type, ${ofContext('user_name')}, ${ofContext('app')}, ${ofContext('hub')}, n,
    rtrim(translate(encode(hash, 'base64'), '+/', '-_'), '=') AS hash, ${TEXT} AS text,
    ${ofContext('session_id')}, ${ofContext('client_ip')}, ${ofContext('reason')}, request_id, context, parts
    FROM audit_database_requests AS stored`)
  await run(`${create} audit_database_events AS
    SELECT seq, id, time, type, user_name, app, event, hub, n, hash, event::text AS text,
      event ->> 'session_id' AS session_id, event ->> 'client_ip' AS client_ip, event ->> 'reason' AS reason
    FROM audit_database_texts
    UNION ALL
    SELECT seq, id, time, type, user_name, app, text::json, hub, n, hash, text, session_id, client_ip, reason
    FROM audit_database_request_events`)
}

/**
 * Requests are most events, and take little space: `audit_database_requests` has the values of each, and
 * `audit_database_contexts` once what those of one session and app have in common. All other events are stored as text, in
 * the table that stored all before. A view with the name of that table reads as before, and writes what hubs of the version
 * before write.
 */
export const requestTables: Migration = {
  async up(db) {
    const run = (statement: string) => sql.raw(statement).execute(db)
    const createIndexes = async (table: string, indexes: Readonly<Record<string, string>>) => {
      for (const [name, columns] of Object.entries(indexes))
        await run(`CREATE INDEX audit_database_${table}_${name} ON audit_database_${table} ${columns}`)
    }
    await run('ALTER TABLE audit_database_events RENAME TO audit_database_texts')
    await run(`CREATE TABLE audit_database_contexts (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      template text NOT NULL,
      hub text NOT NULL,
      user_name text,
      app text,
      session_id text,
      client_ip text,
      reason text
    )`)
    // Names are short already; an entry of a B-tree has at most some 2,700 bytes.
    await createIndexes('contexts', {
      template: 'USING hash (template)',
      user: '(user_name)',
      app: '(app)',
      session_id: '(left(session_id, 200))',
      client_ip: '(left(client_ip, 200))',
      reason: '(left(reason, 200)) WHERE reason IS NOT NULL',
    })
    // Wide columns first, so that none is padded. The numbers are from the sequence of the other table.
    await run(`CREATE TABLE audit_database_requests (
      seq bigint PRIMARY KEY,
      n bigint NOT NULL,
      time timestamptz NOT NULL,
      id uuid NOT NULL,
      request_id uuid NOT NULL,
      context bigint NOT NULL,
      hash bytea NOT NULL,
      parts text NOT NULL
    )`)
    // An id contains its time, so it needs no index. One of 65,536 keys for each request id keeps that index small.
    await createIndexes('requests', {
      time: 'USING brin (time) WITH (pages_per_range = 32, autosummarize = on)',
      request_id: '((uuid_hash(request_id) & 65535))',
      context: '(context)',
    })
    await createRequestViews(run, 'CREATE VIEW')
    await run(`CREATE FUNCTION audit_database_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO audit_database_texts (id, time, type, user_name, app, event, hub, n, hash)
      VALUES (NEW.id, NEW.time, NEW.type, NEW.user_name, NEW.app, NEW.event, NEW.hub, NEW.n, NEW.hash);
      RETURN NEW;
    END $$`)
    await run(`CREATE FUNCTION audit_database_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      DELETE FROM audit_database_texts WHERE seq = OLD.seq;
      DELETE FROM audit_database_requests WHERE seq = OLD.seq;
      RETURN OLD;
    END $$`)
    for (const action of ['insert', 'delete'])
      await run(`CREATE TRIGGER audit_database_${action} INSTEAD OF ${action.toUpperCase()} ON audit_database_events
        FOR EACH ROW EXECUTE FUNCTION audit_database_${action}()`)
  },
}
