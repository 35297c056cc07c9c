import type { AuditEvent, AuditSink } from '../api/audit.ts'
import { type ConformTest, inTime, testsWith } from './conformance-test.ts'
import { watchEffects } from './side-effects.ts'

/** A sink, and a way to read back the events that it has written. */
export interface SinkUnderTest {
  readonly sink: AuditSink
  /** All events that the sink has written, oldest first, as a reader of the trail sees them. */
  read(): Promise<readonly AuditEvent[]>
  close(): Promise<void>
}

/** The most events in one `write`; see `AuditSink.batch`. */
const BATCH = 200
const MOST_BATCH = 1_000

/** The hardest values, given that sinks receive escaped strings. */
const HARD_FIELDS = {
  path: '/a\\u000ab"c\'d`$(e);--%00',
  user_agent: 'Ünïcödé 🔐 \\u202e',
  status: 200,
  bytes_in: Number.MAX_SAFE_INTEGER,
  upgrade: false,
  end_reason: null,
}

/**
 * Checks that a sink writes each event once, complete and in order, and an enforced one to the disk, before `write` resolves.
 * `open` creates and starts a new sink. Delivery, retries and back-pressure belong to the core and are tested there.
 */
export function conformAuditSink(t: ConformTest, open: () => Promise<SinkUnderTest>): void {
  const test = testsWith(t, open)
  /** Writes as the hub does: each call is the next batch, one event a line. */
  const batchesTo = (sink: AuditSink) => {
    let batch = 0
    return (events: readonly AuditEvent[]) => {
      batch += 1
      return inTime(sink.write(events.map((event) => `${JSON.stringify(event)}\n`).join(''), batch), 'write')
    }
  }
  const arrives = async (t: ConformTest, under: SinkUnderTest, sent: readonly AuditEvent[], what: string) => {
    const read = await under.read()
    t.ok(read.length === sent.length, `${what}: ${read.length} of ${sent.length} events`)
    const [at] = [...sent.keys()].filter((n) => canonical(read[n]) !== canonical(sent[n]))
    t.ok(at === undefined, `${what}: whole and in order${at === undefined ? '' : `, but not number ${at}`}`)
  }

  test('it has a name and a guarantee', async (t, { sink }) => {
    t.ok(/^[a-z0-9][a-z0-9-]*$/.test(sink.name), `the name '${sink.name}'`)
    t.ok(sink.guarantee === 'enforced' || sink.guarantee === 'best-effort', 'a known guarantee')
    const { batch = BATCH } = sink
    const fits = Number.isInteger(batch) && batch >= 1 && batch <= MOST_BATCH
    t.ok(fits, `\`batch\` is ${batch}, of 1 to ${MOST_BATCH}`)
  })

  test('an enforced sink that writes files has them on the disk before write resolves', async (t, {
    sink,
  }) => {
    const lines = `${JSON.stringify(event(0))}\n`
    const effects = await watchEffects(() => inTime(sink.write(lines, 1), 'write'))
    effects.end()
    const calls = effects.calls.filter(({ kind }) => kind === 'write' || kind === 'sync')
    const last = calls.at(-1)
    const isSafe = sink.guarantee === 'best-effort' || last === undefined || last.kind === 'sync'
    t.ok(isSafe, `it called ${calls.map(({ name }) => name).join(', ') || 'no function for files'}`)
  })

  test('a written batch can be read, with every kind of value', async (t, under) => {
    const sent = [event(0), event(1, HARD_FIELDS), event(2, { note: 'x'.repeat(16_384) })]
    await batchesTo(under.sink)(sent)
    await inTime(under.sink.flush(), 'flush')
    await arrives(t, under, sent, 'three events')
  })

  test('full batches in a row lose, duplicate and reorder nothing', async (t, under) => {
    const sent = Array.from({ length: 3 * (under.sink.batch ?? BATCH) }, (_, at) => event(at))
    const write = batchesTo(under.sink)
    const most = under.sink.batch ?? BATCH
    for (let at = 0; at < sent.length; at += most) await write(sent.slice(at, at + most))
    await inTime(under.sink.flush(), 'flush')
    await arrives(t, under, sent, `${sent.length} events`)
  })

  test('a batch that comes again after its response was lost is stored once', async (t, under) => {
    const lines = [event(0), event(1)].map((each) => `${JSON.stringify(each)}\n`).join('')
    await inTime(under.sink.write(lines, 1), 'write')
    await inTime(under.sink.write(lines, 1), 'write')
    await inTime(under.sink.flush(), 'flush')
    if (under.sink.guarantee === 'enforced') await arrives(t, under, [event(0), event(1)], 'two events')
  })

  test('an empty batch and an empty flush succeed', async (t, under) => {
    await inTime(under.sink.flush(), 'flush')
    await batchesTo(under.sink)([])
    await inTime(under.sink.flush(), 'flush')
    await arrives(t, under, [], 'nothing')
  })
}

const START = Date.UTC(2030, 0, 1)

function event(
  at: number,
  fields: Readonly<Record<string, string | number | boolean | null>> = {},
): AuditEvent {
  const counted = at.toString(16).padStart(12, '0')
  return Object.freeze({
    // UUIDv7 of the event's time, so that ids sort in the order of events.
    id: `${(START + at)
      .toString(16)
      .padStart(12, '0')
      .replace(/^(.{8})/, '$1-')}-7000-8000-${counted}`,
    type: 'app.request',
    time: new Date(START + at).toISOString(),
    cluster: 'test',
    hub: '01890a5d-ac96-774b-bcce-b302099a8057',
    user: 'alice@example.com',
    roles: Object.freeze(['access', 'platform']),
    client_ip: '203.0.113.7',
    session_id: null,
    request_id: `request-${at}`,
    success: true,
    reason: null,
    app: 'grafana',
    ...fields,
  })
}

/** Equal for equal fields in any order. */
const canonical = (value: AuditEvent | undefined): string =>
  JSON.stringify(Object.entries(value ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)))
