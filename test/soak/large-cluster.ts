import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { TestPostgres } from '../../core/testing/index.ts'
import { testEvent } from '../../core/testing/test-parts.ts'
import { beginningOf, type Link, nextLink } from '../../plugins/audit-database/chain.ts'
import { splitRequest, templateOf } from '../../plugins/audit-database/request-text.ts'

/** How many people and audit events a cluster gets. */
export interface Size {
  readonly people: number
  readonly events: number
}

const BATCH = 10_000
/** People whose requests are mixed; each makes 200 requests in one session, at one application. */
const AT_ONCE = 50
/** One event in this many is no request, and is stored as a text of its own. */
const OTHERS = 50
const SPAN_MS = 30 * 86_400_000
const REQUESTS = 'seq, n, time, id, request_id, context, hash, parts'
const CONTEXTS = 'id, template, hub, user_name, app, session_id, client_ip'

/**
 * Fills the database of a cluster whose hub has run once and is stopped: people, and requests and sign-ins in the chain of one
 * hub. COPY writes them, because the hub's own way takes five times as long. Throws when the signal aborts.
 */
export async function fillCluster(
  postgres: TestPostgres,
  url: string,
  { people, events }: Size,
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<void> {
  const run = (sql: string, rows?: string) => runSql(postgres, url, sql, rows)
  await run(`INSERT INTO users (key, name, own_roles, mapped_roles, issuer, sub, created)
    SELECT 'soak-' || n, 'person-' || n || '@example.com', '[]', '["access"]', 'soak', n::text, 0
    FROM generate_series(0, ${people - 1}) AS n`)
  const numbers = await run(`SELECT (SELECT coalesce(max(seq), 0) FROM audit_database_events),
    (SELECT coalesce(max(id), 0) FROM audit_database_contexts)`)
  const [seqBefore = 0, contextsBefore = 0] = numbers.trim().split('|').map(Number)
  const hub = randomUUID()
  const began = Date.now() - SPAN_MS
  let link: Link = beginningOf(hub)
  let context = contextsBefore
  for (let from = 0; from < events; from += BATCH) {
    signal.throwIfAborted()
    const [requests, texts, contexts]: [string[], string[], string[]] = [[], [], []]
    const sessions = Array.from({ length: AT_ONCE }, () => randomUUID())
    const known = new Map<string, number>()
    for (let at = from; at < Math.min(from + BATCH, events); at++) {
      const place = at % AT_ONCE
      const person = ((from / BATCH) * AT_ONCE + place) % people
      const event = eventOf(at, person, sessions[place]!, hub, Math.floor(began + (at / events) * SPAN_MS))
      const text = JSON.stringify(event)
      link = nextLink(link, text)
      const split = splitRequest(text)
      const seq = seqBefore + at + 1
      if (split === null) {
        const columns = [
          seq,
          link.n,
          hub,
          event.id,
          event.time,
          event.type,
          event.user,
          '\\N',
          text,
          link.hash,
        ]
        texts.push(row(columns))
        continue
      }
      let id = known.get(split.context)
      if (id === undefined) {
        context += 1
        id = context
        known.set(split.context, id)
        const { user, app, session_id, client_ip } = event
        contexts.push(row([id, templateOf(split.context), hub, user, app, session_id, client_ip]))
      }
      const hash = `\\x${Buffer.from(link.hash, 'base64url').toString('hex')}`
      requests.push(
        row([seq, link.n, split.time, split.id, split.requestId, id, hash, split.parts.join('\t')]),
      )
    }
    await run(`COPY audit_database_contexts (${CONTEXTS}) FROM STDIN`, contexts.join(''))
    await run(`COPY audit_database_requests (${REQUESTS}) FROM STDIN`, requests.join(''))
    await run(
      'COPY audit_database_texts (seq, n, hub, id, time, type, user_name, app, event, hash) FROM STDIN',
      texts.join(''),
    )
    if ((from + BATCH) % 500_000 === 0) progress(`  ${(from + BATCH).toLocaleString('en-US')} events`)
  }
  const last = seqBefore + events
  await run(`INSERT INTO audit_database_chains (hub, n, hash, seq) VALUES ('${hub}', ${link.n}, '${link.hash}', ${last});
    SELECT setval('audit_database_events_seq_seq', ${last});
    SELECT setval(pg_get_serial_sequence('audit_database_contexts', 'id'), ${context});
    ANALYZE`)
}

/** One line of COPY. `\N` stays NULL. */
const row = (columns: readonly unknown[]): string =>
  `${columns
    .map((value) => {
      const text = String(value)
      if (text === '\\N') return text
      return text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n')
    })
    .join('\t')}\n`

async function runSql(postgres: TestPostgres, url: string, sql: string, rows?: string): Promise<string> {
  const args = ['--no-psqlrc', '-qAt', '-v', 'ON_ERROR_STOP=1', '-d', url, '-c', sql]
  const child = spawn(postgres.program('psql'), args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  // A program that has failed says why in its output.
  child.stdin.on('error', () => {})
  child.stdin.end(rows)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`psql: ${errors.slice(0, 500)}`)
  return output
}

function eventOf(n: number, person: number, sessionId: string, hub: string, at: number) {
  const shared = {
    success: true,
    user: `person-${person}@example.com`,
    roles: ['access'],
    sessionId,
    requestId: randomUUID(),
    clientIp: `203.0.113.${person % 250}`,
  }
  const source = { cluster: 'soak.example.com', hub, at }
  if (n % OTHERS === 0)
    return testEvent({ ...shared, type: 'user.login', fields: { method: 'oidc' } }, source)
  const fields = {
    app: `app-${person % 200}`,
    agent: 'node-1',
    method: 'GET',
    path: `/items/${n % 977}`,
    status: 200,
    bytes_in: 0,
    bytes_out: n % 65_536,
    duration_ms: n % 97,
    upgrade: null,
  }
  return testEvent({ ...shared, type: 'app.request', fields }, source)
}
