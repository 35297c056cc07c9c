import type { Database } from '@mezite/core'
import { sql } from 'kysely'
import type { TrailRow } from './chain-check.ts'
import { joinRequest } from './request-text.ts'

/** Events that are read together. Those of larger pieces live until they are in V8's old space, whose garbage takes 200 MB. */
const TEXTS = 1_000
const REQUESTS = 2_000
/** Requests whose texts are made without a turn for others. */
const PIECE = 250
/** Contexts that are remembered; each has up to some kilobytes. */
const CONTEXTS = 10_000

/** Yields every stored event whose number is above `after` and not above `last`, in order, in pieces. */
export async function* readTrail(
  database: Database,
  after: number,
  last: number,
): AsyncGenerator<readonly TrailRow[], void> {
  const sources = [textsOf(database, after, last), requestsOf(database, after, last)]
  const pieces: (readonly TrailRow[] | null)[] = [[], []]
  for (;;) {
    for (const [at, source] of sources.entries())
      while (pieces[at]?.length === 0) pieces[at] = (await source.next()).value ?? null
    const ends = pieces.flatMap((rows) => rows?.at(-1)?.seq ?? [])
    if (ends.length === 0) return
    // Whatever is read next of one source comes after its piece.
    const until = Math.min(...ends)
    const ready: TrailRow[] = []
    for (const [at, rows] of pieces.entries()) {
      if (rows === null) continue
      const found = rows.findIndex(({ seq }) => seq > until)
      const end = found < 0 ? rows.length : found
      ready.push(...rows.slice(0, end))
      pieces[at] = rows.slice(end)
    }
    yield ready.sort((one, other) => one.seq - other.seq)
  }
}

async function* textsOf(
  database: Database,
  after: number,
  last: number,
): AsyncGenerator<readonly TrailRow[], undefined> {
  for (let from = after; ; ) {
    const { rows } =
      await sql<TrailRow>`SELECT seq, id, time, type, user_name, app, event::text AS text, hub, n, hash,
        event ->> 'session_id' AS session_id, event ->> 'client_ip' AS client_ip, event ->> 'reason' AS reason
      FROM audit_database_texts WHERE seq > ${from} AND seq <= ${last} ORDER BY seq LIMIT ${TEXTS}`.execute(
        database,
      )
    yield rows
    if (rows.length < TEXTS) return
    from = rows.at(-1)!.seq
  }
}

interface Context {
  readonly id: number
  readonly template: string
  readonly hub: string
  readonly user_name: string | null
  readonly app: string | null
  readonly session_id: string | null
  readonly client_ip: string | null
  readonly reason: string | null
}

/** A request whose context is missing, so that its text is too. */
const LOST = {
  template: '',
  hub: null,
  user_name: null,
  app: null,
  session_id: null,
  client_ip: null,
  reason: null,
}

/** COPY and the making of texts here take a fifth of the time that the database needs for its view. */
async function* requestsOf(
  database: Database,
  after: number,
  last: number,
): AsyncGenerator<readonly TrailRow[], undefined> {
  const contexts = new Map<number, Context>()
  for (let from = after; ; ) {
    const { rows } = await sql<{ count: number; bytes: Uint8Array }>`COPY (
      SELECT seq, n, date_part('epoch', time), id, request_id, context, encode(hash, 'base64'), parts
      FROM audit_database_requests WHERE seq > ${sql.lit(from)} AND seq <= ${sql.lit(last)}
      ORDER BY seq LIMIT ${sql.lit(REQUESTS)}) TO STDOUT`.execute(database)
    const { count, bytes } = rows[0]!
    const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').split('\n')
    const found = lines.slice(0, count).map((line) => line.split('\t'))
    await readContexts(database, contexts, new Set(found.map((values) => Number(values[5]))))
    for (let at = 0; at < found.length || at === 0; at += PIECE)
      yield found.slice(at, at + PIECE).map((values) => requestRow(values, contexts))
    if (count < REQUESTS) return
    from = Number(found.at(-1)![0])
  }
}

async function readContexts(
  database: Database,
  known: Map<number, Context>,
  ids: ReadonlySet<number>,
): Promise<void> {
  if (known.size > CONTEXTS) known.clear()
  const missing = [...ids].filter((id) => !known.has(id))
  if (missing.length === 0) return
  const { rows } = await sql<Context>`SELECT id, template, hub, user_name, app, session_id, client_ip, reason
    FROM audit_database_contexts
    WHERE id IN (SELECT value::bigint FROM json_array_elements_text(${JSON.stringify(missing)}::json))`.execute(
    database,
  )
  for (const row of rows) known.set(row.id, row)
}

function requestRow(values: readonly string[], contexts: ReadonlyMap<number, Context>): TrailRow {
  const [seq, n, seconds, id = '', requestId = '', context, hash = '', parts = ''] = values
  const { template, ...shared } = contexts.get(Number(context)) ?? LOST
  const time = timeOf(Number(seconds))
  const request = {
    id,
    requestId,
    time: time.toISOString(),
    parts: parts.includes('\\') ? parts.replace(/\\(.)/g, (_, one: string) => ESCAPED[one] ?? one) : parts,
  }
  return {
    ...shared,
    seq: Number(seq),
    n: Number(n),
    id,
    time,
    type: 'app.request',
    text: joinRequest(template, request),
    hash: Buffer.from(hash, 'base64').toString('base64url'),
  }
}

/** COPY writes control characters like this; the database stores no other. */
const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** A time that no event can have is the beginning of all times, which does not fit the hash. */
function timeOf(seconds: number): Date {
  const time = new Date(Math.floor(seconds * 1_000 + 1e-3))
  return Number.isNaN(time.getTime()) ? new Date(0) : time
}
