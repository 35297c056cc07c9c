// together: quick
import fc from 'fast-check'
import t from 'tap'
import type { AuditEvent } from '../../../core/api/audit.ts'
import type { Subject } from '../../../core/api/subject.ts'
import { keepRules, makeEvent } from '../../../core/state/audit/event-factory.ts'
import { boundText, escapeText } from '../../../core/state/audit/text-escaping.ts'
import { startStopwatch } from '../../stopwatch.ts'

const recorder = { cluster: 'prod', hub: 'hub-1' }
const HOSTILE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/

t.test('an event has an RFC 3339 time in ms, a UUIDv7 and flat fields', (t) => {
  const event = makeEvent(
    {
      type: 'app.request',
      success: true,
      user: 'alice',
      roles: ['dev'],
      clientIp: '192.0.2.1',
      sessionId: 's',
      requestId: 'r',
      fields: { app: 'grafana', status: 200, upgrade: false, agent: null },
    },
    recorder,
    Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  )
  t.match(event.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/)
  const { id: _id, ...rest } = event
  t.strictSame(rest, {
    type: 'app.request',
    time: '2026-01-02T03:04:05.006Z',
    cluster: 'prod',
    hub: 'hub-1',
    user: 'alice',
    roles: ['dev'],
    client_ip: '192.0.2.1',
    session_id: 's',
    request_id: 'r',
    success: true,
    reason: null,
    app: 'grafana',
    status: 200,
    upgrade: false,
    agent: null,
  })
  t.end()
})

t.test('the caller of a change is named in full, without an address on the admin socket', (t) => {
  const subject: Subject = { user: 'alice', roles: ['admin'], kind: 'session', sessionId: 's', satisfied: [] }
  const made = (clientIp: string) =>
    makeEvent(
      {
        type: 'app.deleted',
        success: true,
        by: { subject, clientIp, id: 'r' },
        fields: { app: 'grafana' },
      },
      recorder,
      0,
    )
  const who = { user: 'alice', roles: ['admin'], session_id: 's', request_id: 'r', app: 'grafana' }
  t.match(made('192.0.2.1'), { ...who, client_ip: '192.0.2.1' })
  t.match(made(''), { ...who, client_ip: null })
  t.end()
})

t.test('M159 hostile bytes are escaped, and the original can be recovered', (t) => {
  t.equal(escapeText('a\r\nb'), 'a\\u000d\\u000ab')
  t.equal(escapeText('\u001b[31m\u202e\u0000'), '\\u001b[31m\\u202e\\u0000')
  t.equal(escapeText('\ud800x\udc00'), '\\ud800x\\udc00')
  t.equal(escapeText('😀 ünï \\ "'), '😀 ünï \\ "')
  t.not(escapeText('\\u0000'), escapeText('\u0000'))
  t.equal(escapeText('CORP\\alice'), 'CORP\\alice')
  const long = boundText('x'.repeat(65_536), 1_024)
  t.equal(long, `${'x'.repeat(1_024)}…[+64512]`)
  t.notMatch(boundText(`${'x'.repeat(9)}😀`, 10), /\\ud/, 'a pair is not halved')
  fc.assert(
    // Any code units, with halves of pairs; a string of fast-check takes seconds to prepare for all code points.
    fc.property(fc.uint16Array({ maxLength: 3_000 }), (units) => {
      const escaped = boundText(String.fromCharCode(...units), 1_024)
      return !HOSTILE.test(escaped) && escaped.isWellFormed() && escaped.length < 8_000
    }),
  )
  fc.assert(
    fc.property(fc.string({ maxLength: 50 }), fc.string({ maxLength: 50 }), (one, other) => {
      return one === other || escapeText(one) !== escapeText(other)
    }),
  )
  t.end()
})

t.test('M159 backslashes are doubled where an escape could be mistaken for them, and only there', (t) => {
  const table: [text: string, escaped: string][] = [
    ['\\', '\\'],
    ['\\\\', '\\\\'],
    ['\\u', '\\\\u'],
    ['\\\\u', '\\\\\\\\u'],
    ['\\\\\\u0000', '\\\\\\\\\\\\u0000'],
    ['\\x\\\\u\\', '\\x\\\\\\\\u\\'],
    ['\\u\\u', '\\\\u\\\\u'],
    ['u\\U', 'u\\U'],
    ['\\\nu', '\\\\u000au'],
    ['\\\u0000', '\\\\u0000'],
  ]
  for (const [text, escaped] of table) t.equal(escapeText(text), escaped, JSON.stringify(text))
  t.end()
})

t.test('M159 a long run of backslashes is scanned once', (t) => {
  const run = '\\'.repeat(300_000)
  const watch = startStopwatch()
  t.equal(escapeText(`${run}x`).length, 300_001)
  t.equal(escapeText(`${run}u`).length, 600_001)
  const ms = watch.took()
  t.ok(ms < 5_000, `${ms} ms; looked at from each backslash it is a minute`)
  t.end()
})

t.test('M159 no input throws, and fields cannot replace those of the hub', (t) => {
  const event = makeEvent(
    {
      type: 'x',
      success: 'yes' as never,
      user: { toString: () => 'object' } as never,
      fields: {
        id: 'mine',
        cluster: 'mine',
        __proto__: 'x',
        'bad name': 'x',
        nan: Number.NaN,
        deep: { a: 1 } as never,
        bare: Object.create(null) as never,
      },
    },
    recorder,
    0,
  )
  t.not(event.id, 'mine')
  t.equal(event.cluster, 'prod')
  t.equal(event.success, false)
  t.equal(event.user, 'object')
  t.equal(event.nan, null)
  t.notOk('bad name' in event)
  t.doesNotThrow(() => JSON.parse(JSON.stringify(event)))
  t.end()
})

t.test('M160 credentials, cookies and query strings are not recorded', (t) => {
  const event = makeEvent(
    {
      type: 'app.request',
      success: true,
      fields: {
        path: '/a?token=s3cret#x',
        authorization: 'Bearer s3cret',
        cookie: 's3cret',
        code: 's3cret',
        client_secret: 's3cret',
        query: 's3cret',
        body: 's3cret',
        note: 'sent Bearer s3cret-s3cret by hand',
        password: 's3cret',
        url: 'https://wiki.example.com/a?token=s3cret',
        login_url: '/web/login?state=s3cret',
        target: '/a#s3cret',
        detail: 'GET postgres://me:s3cret@db.example.com/x?password=s3cret failed: "https://h/?a=s3cret".',
        issuer: 'https://id.example.com/realms/one',
      },
    },
    recorder,
    0,
  )
  t.equal(event.path, '/a')
  t.notMatch(JSON.stringify(event), /s3cret/)
  t.equal(event.cookie, '[redacted]')
  t.equal(event.query, '[redacted]')
  t.equal(event.password, '[redacted]')
  t.equal(event.url, 'https://wiki.example.com/a?[redacted]')
  t.equal(event.login_url, '/web/login?[redacted]')
  t.equal(event.target, '/a?[redacted]')
  t.equal(
    event.detail,
    'GET postgres://[redacted]@db.example.com/x?[redacted] failed: "https://h/?[redacted]".',
  )
  t.equal(event.issuer, 'https://id.example.com/realms/one')
  t.end()
})

t.test('events that a plugin returns are checked by the same rules', (t) => {
  const event = makeEvent({ type: 'a', success: true, fields: { path: '/\u0000' } }, recorder, 0)
  const changed = keepRules(event, {
    ...event,
    id: 'other',
    type: 'b',
    time: 'now',
    user: 'x\u0000',
    extra: 'y\n',
    cookie: 'z',
  } as AuditEvent)
  t.equal(changed.id, event.id)
  t.equal(changed.type, 'a')
  t.equal(changed.time, event.time)
  t.equal(changed.user, 'x\\u0000')
  t.equal(changed.extra, 'y\\u000a')
  t.equal(changed.cookie, '[redacted]')
  t.equal(changed.path, '/\\u0000', 'what was not changed is not escaped twice')
  t.end()
})

t.test('the time of an event is exact to the millisecond, in and across seconds', (t) => {
  for (const ms of [
    0, 1, 999, 1_000, 1_001, 1_764_620_000_007, 1_764_620_000_099, 1_764_619_999_999, -1, 2_000.7,
  ])
    t.equal(
      makeEvent({ type: 'a', success: true }, recorder, ms).time,
      new Date(ms).toISOString(),
      String(ms),
    )
  t.end()
})
