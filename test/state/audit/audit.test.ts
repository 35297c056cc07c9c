// together: hubs
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { AuditEvent, AuditSink } from '../../../core/api/audit.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import { eventsIn } from '../../event-lines.ts'
import { until } from '../../until.ts'
import { keptLog } from '../database/stores.ts'
import { type AuditSetting, auditOf } from './open-audit.ts'

/** A sink that can be told to fail or to hang. */
function memorySink(guarantee: AuditSink['guarantee'], more: Partial<AuditSink> = {}) {
  const batches: (readonly AuditEvent[])[] = []
  /** The number that came with each attempt. */
  const numbers: number[] = []
  const state = { failing: false, hanging: false, attempts: 0 }
  const sink: AuditSink = {
    name: `memory-${guarantee}`,
    guarantee,
    async write(lines, batch) {
      state.attempts += 1
      numbers.push(batch)
      if (state.hanging) await new Promise(() => {})
      if (state.failing) throw new Error('disk full')
      batches.push(eventsIn(lines))
    },
    flush: async () => {},
    ...more,
  }
  return { sink, state, batches, numbers, events: () => batches.flat() }
}

type Tap = typeof t

function auditTo(sinks: readonly AuditSink[], setting?: AuditSetting) {
  const log = keptLog()
  const audit = auditOf(sinks, log, setting)
  audit.open()
  return { audit, log }
}

const event = (type: string) => ({ type, success: true })
/** Memory of one of these events in the queue, when its type has one letter. */
const EVENT_BYTES =
  2 *
    JSON.stringify({
      id: crypto.randomUUID(),
      type: 'x',
      time: new Date(0).toISOString(),
      cluster: 'c',
      hub: 'h',
      user: null,
      roles: null,
      client_ip: null,
      session_id: null,
      request_id: null,
      success: true,
      reason: null,
    }).length +
  2

const raise = (message: string): never => {
  throw new Error(message)
}

t.test('M157 batches contain at most 200 events or 100 ms of events, in order', async (t) => {
  const memory = memorySink('enforced')
  const { audit } = auditTo([memory.sink])
  t.teardown(() => audit.close())
  audit.record(event('alone'))
  t.equal(memory.batches.length, 0, 'queued')
  const ms = await until(() => memory.batches.length === 1, 'the batch')
  t.ok(ms < 10_000, `${ms} ms`)
  for (let n = 0; n < 450; n++) audit.record(event(`n${n}`))
  await until(() => memory.events().length === 451, 'all are written')
  t.same(
    memory.batches.map(({ length }) => length),
    [1, 200, 200, 50],
  )
  t.same(
    memory.events().map(({ type }) => type),
    ['alone', ...Array.from({ length: 450 }, (_, n) => `n${n}`)],
  )
  t.equal(new Set(memory.events().map(({ id }) => id)).size, 451)
})

t.test(
  'M158 an enforced sink that fails closes the gate until it works, loses nothing, and is logged',
  async (t) => {
    const memory = memorySink('enforced')
    const { audit, log } = auditTo([memory.sink], { limits: { firstRetryMs: 20, longestRetryMs: 50 } })
    t.teardown(() => audit.close())
    t.ok(audit.accepting)
    memory.state.failing = true
    audit.record(event('first'))
    await until(() => !audit.accepting, 'nothing is accepted')
    audit.record(event('second'))
    await until(() => memory.state.attempts > 3, 'it is tried again')
    t.match(JSON.stringify(log.lines), /disk full/)
    memory.state.failing = false
    await until(() => audit.accepting, 'accepting again')
    await audit.flush()
    const again = memory.numbers.filter((number) => number === 1)
    t.ok(again.length > 3, 'what failed comes again with its number')
    t.strictSame(
      memory.batches.map(({ length }) => length),
      [1, 1],
      'and unchanged',
    )
    t.equal(memory.numbers.at(-1), 2, 'the next batch has the next number')
    t.same(
      memory.events().map(({ type }) => type),
      ['first', 'second'],
    )
  },
)

t.test(
  'M158 an enforced sink that hangs or is full closes the gate, and reports losses beyond the hard bound',
  async (t) => {
    const memory = memorySink('enforced')
    memory.state.hanging = true
    const { audit, log } = auditTo([memory.sink], {
      limits: {
        full: 10,
        fullMs: 0,
        overfullBytes: 20 * EVENT_BYTES,
        writeMs: 200,
        firstRetryMs: 20,
        longestRetryMs: 50,
      },
    })
    for (let n = 0; n < 9; n++) audit.record(event('x'))
    t.ok(audit.accepting)
    audit.record(event('x'))
    t.notOk(audit.accepting, 'full')
    for (let n = 0; n < 15; n++) audit.record(event('x'))
    await until(() => JSON.stringify(log.lines).includes('"dropped":5'), 'what is lost is said')
    await until(
      () => JSON.stringify(log.lines).includes('timed out after') || memory.state.attempts > 1,
      'the write is given up',
    )
    memory.state.hanging = false
    await until(() => audit.accepting, 'accepting again')
    t.equal(memory.events().length, 20)
    await audit.close()
  },
)

/** A sink whose writes wait until they are released, and a clock that stands still. */
function stoppedSink(t: Tap, limits: AuditSetting['limits'] = {}) {
  const memory = memorySink('enforced', { batch: 1_000 })
  const held = Promise.withResolvers<void>()
  const { write } = memory.sink
  memory.sink.write = async (...batch) => {
    await held.promise
    return write(...batch)
  }
  const time = { ms: 0 }
  const { audit } = auditTo([memory.sink], {
    clock: { ...systemClock, monotonic: () => time.ms },
    limits: { writeMs: 120_000, ...limits },
  })
  t.teardown(() => {
    held.resolve()
    return audit.close()
  })
  return { audit, memory, time, release: () => held.resolve() }
}

t.test(
  'M158 a sink that stops for 1.5 s closes the gate at no rate; one that stops for 2 s does',
  async (t) => {
    const { audit, memory, time, release } = stoppedSink(t as unknown as Tap)
    for (let n = 0; n < 30_000; n++) {
      audit.record(event('app.request'))
      if (n % 100 === 0) time.ms += 5
      if (!audit.accepting) return t.fail(`event ${n} closed it after ${time.ms} ms`)
    }
    t.equal(time.ms, 1_500)
    time.ms = 2_010
    t.notOk(audit.accepting, 'the first event has waited for 2 s')
    release()
    await until(() => audit.accepting, 'accepting again')
    await audit.flush()
    t.equal(memory.events().length, 30_000)
  },
)

t.test('M158 a few waiting events close no gate before their write fails', async (t) => {
  const { audit, time } = stoppedSink(t as unknown as Tap)
  for (let n = 0; n < 3_999; n++) audit.record(event('app.request'))
  time.ms = 9_000
  t.ok(audit.accepting)
  audit.record(event('app.request'))
  t.notOk(audit.accepting)
})

t.test('M158 waiting events take bounded memory, however young they are, and lose none', async (t) => {
  const { audit, memory, release } = stoppedSink(t as unknown as Tap, { fullBytes: 1_000 * EVENT_BYTES })
  for (let n = 0; n < 999; n++) audit.record(event('x'))
  // What was gathered is queued in a moment.
  await until(() => audit.sinks[0]?.queued === 999, 'queued')
  t.ok(audit.accepting)
  audit.record(event('x'))
  await until(() => !audit.accepting, 'full')
  for (let n = 0; n < 200; n++) audit.record(event('y'))
  release()
  await until(() => audit.accepting, 'accepting again')
  await audit.flush()
  t.equal(memory.events().length, 1_200)
  t.equal(audit.sinks[0]?.dropped, 0)
})

t.test('a best-effort sink never closes the gate; its dropped events are counted and logged', async (t) => {
  const memory = memorySink('best-effort')
  memory.state.failing = true
  const { audit, log } = auditTo([memory.sink], { limits: { full: 5, firstRetryMs: 10_000 } })
  for (let n = 0; n < 8; n++) audit.record(event('x'))
  await until(() => memory.state.attempts > 0, 'the first try')
  t.ok(audit.accepting)
  t.match(JSON.stringify(log.lines), /the queue is full/)
  memory.state.failing = false
  await audit.close()
  t.equal(memory.events().length, 5)
})

t.test('a failing sink does not delay another', async (t) => {
  const bad = memorySink('best-effort')
  const good = memorySink('enforced')
  bad.state.failing = true
  const { audit } = auditTo([bad.sink, good.sink], { limits: { firstRetryMs: 20, longestRetryMs: 20 } })
  audit.record(event('x'))
  await until(() => good.events().length === 1, 'the other has it')
  t.ok(audit.accepting)
  bad.state.failing = false
  await audit.close()
})

t.test(
  'an administrative event is written in its transaction, and sent elsewhere only after the commit',
  async (t) => {
    const written: unknown[] = []
    const inside = memorySink('enforced', {
      writeIn: async (_trx, lines) => void written.push(...eventsIn(lines)),
    })
    const outside = memorySink('best-effort')
    const { audit } = auditTo([inside.sink, outside.sink])
    t.teardown(() => audit.close())
    const rolledBack = {} as never
    const committed = {} as never
    await audit.recordIn(rolledBack, [event('role.updated')])
    await audit.recordIn(committed, [event('role.deleted')])
    audit.committed(committed)
    await audit.flush()
    t.same(
      outside.events().map(({ type }) => type),
      ['role.deleted'],
    )
    t.equal(inside.events().length, 0, 'not a second time')
    t.equal(written.length, 2)
    const failing = memorySink('enforced', { writeIn: () => Promise.reject(new Error('no room')) })
    await t.rejects(auditTo([failing.sink]).audit.recordIn({} as never, [event('x')]), {
      message: /no room$/,
    })
    const hanging = memorySink('enforced', { name: 'slug', writeIn: () => new Promise(() => {}) })
    const { audit: stuck } = auditTo([hanging.sink], { limits: { writeMs: 50 } })
    await t.rejects(
      stuck.recordIn({} as never, [event('x')]),
      { message: /^the audit sink "slug" rejected an event/ },
      'it holds up no change for good',
    )
  },
)

t.test('many administrative events of one change are written some at a time, in order', async (t) => {
  const batches: string[][] = []
  const sink = memorySink('enforced', {
    writeIn: async (_trx, lines) => void batches.push(eventsIn(lines).map(({ type }) => type)),
  })
  const { audit } = auditTo([sink.sink])
  t.teardown(() => audit.close())
  const types = Array.from({ length: 500 }, (_, n) => `x.${n}`)
  await audit.recordIn({} as never, types.map(event))
  t.same(
    batches.map(({ length }) => length),
    [200, 200, 100],
  )
  t.same(batches.flat(), types)
})

t.test('audit.event taps may change an event; one that throws loses only free text', async (t) => {
  const memory = memorySink('enforced')
  const { audit, log } = auditTo([memory.sink], {
    event: (one) => {
      if (one.type === 'bad') throw new Error('broken tap')
      return { ...one, id: 'forged', country: 'NL' }
    },
  })
  audit.record({ type: 'good', success: true, fields: { path: '/x' } })
  audit.record({ type: 'bad', success: true, fields: { path: '/x', app: 'a' } })
  await audit.close()
  const [good, bad] = memory.events()
  t.equal(good?.country, 'NL')
  t.not(good?.id, 'forged')
  t.equal(bad?.app, 'a')
  t.equal(bad?.path, undefined)
  t.match(JSON.stringify(log.lines), /broken tap/)
})

t.test('audit.recorded gets each event as sinks do, those of a change once it has committed', async (t) => {
  const seen: AuditEvent[] = []
  const memory = memorySink('enforced')
  const { audit } = auditTo([memory.sink], {
    event: (one) => ({ ...one, country: 'NL' }),
    recorded: (one) => void seen.push(one),
  })
  audit.record({ type: 'one', success: true })
  t.strictSame(
    seen.map(({ type, country }) => [type, country]),
    [['one', 'NL']],
  )
  t.ok(Object.isFrozen(seen[0]), 'an observer cannot change it for the next one')
  const trx = {} as never
  await audit.recordIn(trx, [event('two'), event('three')])
  t.equal(seen.length, 1, 'the change may still fail')
  audit.committed(trx)
  t.strictSame(
    seen.map(({ type }) => type),
    ['one', 'two', 'three'],
  )
  await audit.close()
  const byId = (events: readonly AuditEvent[]) =>
    events.toSorted((one, other) => (one.id < other.id ? -1 : 1))
  t.same(byId(memory.events()), byId(seen))
})

t.test('close delivers queued events, and reports those that it could not deliver', async (t) => {
  const memory = memorySink('enforced')
  const { audit, log } = auditTo([memory.sink])
  for (let n = 0; n < 450; n++) audit.record(event('x'))
  await audit.close()
  t.equal(memory.events().length, 450)
  audit.record(event('late'))
  t.notOk(audit.accepting)
  t.match(JSON.stringify(log.lines), /after the audit had closed/)
  await pause(0)
})

t.test('a sink without flush, or whose flush throws, costs the others no event at the end', async (t) => {
  for (const flush of [undefined as never, (): never => raise('no flush')]) {
    const bad = memorySink('best-effort', { flush })
    const slow = memorySink('enforced')
    const { audit, log } = auditTo([
      bad.sink,
      { ...slow.sink, write: async (...batch) => pause(50).then(() => slow.sink.write(...batch)) },
    ])
    for (let n = 0; n < 1_200; n++) audit.record(event('x'))
    await audit.close()
    t.equal(slow.events().length, 1_200)
    t.match(JSON.stringify(log.lines), /no flush|flush is not a function/)
  }
})

t.test('the gate is closed until all plugins are set up, and no sink misses an event', async (t) => {
  const sinks: AuditSink[] = []
  const audit = auditOf(sinks, keptLog())
  for (let n = 0; n < 150; n++) audit.record(event('early'))
  t.notOk(audit.accepting)
  await t.rejects(audit.recordIn({} as never, [event('early')]), /before all plugins are set up/)
  const memory = memorySink('enforced')
  sinks.push(memory.sink)
  audit.open()
  t.ok(audit.accepting)
  await audit.close()
  t.equal(memory.events().length, 150)
})

t.test('a hub without a sink logs that its events are lost', async (t) => {
  const { audit, log } = auditTo([])
  t.match(JSON.stringify(log.lines), /events are lost/)
  await audit.close()
})

t.test('an event keeps its values and time as recorded, even if it is written later', async (t) => {
  const memory = memorySink('enforced')
  let now = 1_000_000
  const { audit } = auditTo([memory.sink], { clock: { ...systemClock, now: () => now } })
  const given = { type: 'app.request', success: true, fields: { app: 'wiki' } }
  audit.record(given)
  now += 60_000
  given.success = false
  given.fields.app = 'grafana'
  audit.record(event('next'))
  await audit.flush()
  t.match(memory.events(), [
    { success: true, app: 'wiki', time: '1970-01-01T00:16:40.000Z' },
    { time: '1970-01-01T00:17:40.000Z' },
  ])
  await audit.close()
})

t.test('an invalid event is logged, and does not affect others', async (t) => {
  const memory = memorySink('enforced')
  const { audit, log } = auditTo([memory.sink])
  audit.record(event('before'))
  audit.record({ ...event('broken'), roles: 5 as never })
  audit.record(event('after'))
  await until(() => memory.events().length === 2, 'the others')
  t.same(
    memory.events().map(({ type }) => type),
    ['before', 'after'],
  )
  t.match(JSON.stringify(log.lines), /broken.*could not be created/)
  await audit.close()
})

t.test('M164 a million denials of a client become ten and a count, and others are recorded', async (t) => {
  const memory = memorySink('enforced')
  const { audit, log } = auditTo([memory.sink])
  const denied = (user: string | null, clientIp: string, app: string | null) => ({
    type: 'access.denied',
    success: false,
    reason: 'access_denied',
    user,
    clientIp,
    requestId: 'r',
    fields: { app },
  })
  for (let n = 0; n < 1_000_000; n++) audit.record(denied('mallory', `2001:db8::${n % 9}`, 'grafana'))
  for (let n = 0; n < 12; n++) audit.record(denied('mallory', '192.0.2.1', 'wiki'))
  for (let n = 0; n < 11; n++) audit.record(denied(null, '192.0.2.1', null))
  // One client of IPv6 has as many addresses as it likes.
  for (let n = 0; n < 30; n++) audit.record(denied(null, `2001:db8::${n.toString(16)}`, 'grafana'))
  for (let n = 0; n < 30; n++)
    audit.record({
      type: 'user.login.failed',
      success: false,
      reason: 'state_spent',
      clientIp: '192.0.2.1',
      fields: { connector: n % 2 === 0 ? 'sso' : 'other' },
    })
  for (let n = 0; n < 50; n++) audit.record({ type: 'app.request', success: true, user: 'alice' })
  audit.record(denied('alice', '192.0.2.1', 'grafana'))
  t.ok(audit.accepting)
  await audit.close()
  const of = (user: string | null, app: string | null) =>
    memory.events().filter((one) => one.type === 'access.denied' && one.user === user && one.app === app)
  t.equal(memory.events().filter(({ type }) => type === 'app.request').length, 50)
  t.equal(of('alice', 'grafana').length, 1)
  t.equal(of('mallory', 'grafana').length, 11)
  t.match(of('mallory', 'grafana').at(-1), { repeated: 999_990, reason: 'access_denied', request_id: null })
  t.match(of('mallory', 'wiki').at(-1), { repeated: 2 })
  t.match(of(null, null).at(-1), { repeated: 1, client_ip: '192.0.2.1' })
  t.equal(of(null, 'grafana').length, 11)
  t.match(of(null, 'grafana').at(-1), { repeated: 20, client_ip: '2001:db8::0' })
  const failed = memory.events().filter(({ type }) => type === 'user.login.failed')
  t.strictSame(
    failed.flatMap(({ connector, repeated }) => (repeated === undefined ? [] : [[connector, repeated]])),
    [
      ['sso', 5],
      ['other', 5],
    ],
  )
  t.equal(failed.length, 22)
  t.equal(log.lines.filter(([, line]) => line === 'access denied').length, 11 + 11 + 11 + 11 + 1)
})

t.test('the sum of a flood of denials has only the fields that all of them have in common', async (t) => {
  const memory = memorySink('enforced')
  const { audit } = auditTo([memory.sink])
  const denied = (operation: string) =>
    audit.record({
      ...{ type: 'access.denied', success: false, reason: 'access_denied', user: 'mallory' },
      fields: { app: 'grafana', operation },
    })
  for (let n = 0; n < 30; n++) denied(n < 20 ? 'query' : 'mutation')
  await audit.close()
  const sum = memory.events().at(-1)
  t.match(sum, { repeated: 20, app: 'grafana' })
  t.notOk(sum && 'operation' in sum, 'the sum does not say of all what the first did')
})

t.test('M164 guesses at a name are recorded with the address that they come from', async (t) => {
  const memory = memorySink('enforced')
  const { audit } = auditTo([memory.sink])
  const failed = (user: string, clientIp: string) =>
    audit.record({ type: 'user.login.failed', success: false, reason: 'password_wrong', user, clientIp })
  failed('alice', '192.0.2.1')
  for (let n = 0; n < 95; n++) failed('alice', '203.0.113.9')
  for (let n = 0; n < 30; n++) failed(n % 2 ? 'bob' : 'carol', '203.0.113.8')
  await audit.close()
  const countOf = (address: string) =>
    memory
      .events()
      .filter(({ client_ip }) => client_ip === address)
      .reduce((sum, { repeated }) => sum + Number(repeated ?? 1), 0)
  t.strictSame(['192.0.2.1', '203.0.113.9', '203.0.113.8'].map(countOf), [1, 95, 30])
  const sums = memory.events().filter(({ repeated }) => repeated !== undefined)
  t.strictSame(
    sums.map(({ client_ip, user, repeated }) => [client_ip, user, repeated]),
    [
      ['203.0.113.9', 'alice', 85],
      ['203.0.113.8', null, 20],
    ],
    'the sum of several names has none of them',
  )
})

t.test('M164 denials of strangers from many addresses are bounded too', async (t) => {
  const memory = memorySink('best-effort')
  const { audit } = auditTo([memory.sink], { limits: { full: 100_000 } })
  for (let n = 0; n < 20_000; n++)
    audit.record({ type: 'agent.rejected', success: false, reason: 'token_invalid', clientIp: `a${n}` })
  await audit.close()
  const events = memory.events()
  t.ok(events.length <= 600, `${events.length} events`)
  const aggregated = events.reduce((sum, { repeated }) => sum + Number(repeated ?? 0), 0)
  t.equal(
    events.filter(({ repeated }) => repeated === undefined).length + aggregated,
    20_000,
    'each is counted',
  )
  t.match(events.at(-1), { client_ip: null, reason: 'token_invalid' })
})

t.test(
  'M164 a denial of a person keeps user, app and address under a flood from 800 addresses',
  async (t) => {
    const memory = memorySink('enforced')
    const { audit } = auditTo([memory.sink])
    memory.state.failing = true
    const denied = (user: string | null, clientIp: string, app: string) => ({
      type: 'access.denied',
      success: false,
      reason: 'access_denied',
      user,
      clientIp,
      fields: { app },
    })
    const flood = () => {
      for (let n = 0; n < 40_000; n++)
        audit.record(denied(null, `192.0.${n % 4}.${n % 200}`, `app-${n % 50}`))
    }
    flood()
    audit.record(denied('alice', '198.51.100.7', 'payroll'))
    for (let n = 0; n < 2_000; n++) audit.record({ type: 'app.request', success: true, user: 'bob' })
    flood()
    for (let n = 0; n < 30; n++) audit.record(denied('carol', '198.51.100.8', 'wiki'))
    memory.state.failing = false
    await audit.close()
    const of = (user: string) => memory.events().filter((one) => one.user === user)
    t.match(of('alice'), [{ app: 'payroll', client_ip: '198.51.100.7', reason: 'access_denied' }])
    t.equal(of('bob').length, 2_000)
    t.match(of('carol').at(-1), { app: 'wiki', client_ip: '198.51.100.8', repeated: 20 })
  },
)

t.test('a flood of strangers never closes the gate for known people', async (t) => {
  const memory = memorySink('enforced')
  const { audit } = auditTo([memory.sink], { limits: { full: 100, fullMs: 0, strangers: 1_000 } })
  t.teardown(() => audit.close())
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  t.teardown(() => release())
  const write = memory.sink.write
  memory.sink.write = async (...batch) => {
    await held
    return write(...batch)
  }
  for (let n = 0; n < 20_000; n++)
    audit.record({ type: 'access.denied', success: false, reason: 'sign_in', clientIp: `192.0.2.${n % 250}` })
  await pause(50)
  t.equal(audit.accepting, true, 'events of strangers do not fill the queue')
  for (let n = 0; n < 120; n++) audit.record({ type: 'app.request', success: true, user: 'alice' })
  await pause(50)
  t.equal(audit.accepting, false, 'events of admitted requests do')
  release()
  await until(() => audit.accepting, 'the sink keeps up again')
  await audit.flush()
  t.equal(memory.events().filter(({ user }) => user === 'alice').length, 120)
})
