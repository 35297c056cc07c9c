import t from 'tap'
import * as identity from '../../core/identity.ts'
import * as hub from '../../core/index.ts'
import { catalog, defineAgentPlugin, defineHubPlugin, sessionLimits, webRoutes } from '../../core/index.ts'
import * as protocol from '../../core/protocol.ts'
import { createTestHost, fakeClock } from '../../core/testing/index.ts'

/** `AuditSink.write` as it was when it got an array of events, in the ways in which people write functions. */
const EARLIER_SINKS: readonly unknown[] = [
  async (events: { id: string }[]) => events.map(({ id }) => id),
  async function write(events: object[]) {
    for (const event of events) JSON.stringify(event)
  },
  { write: (events: object[]) => Promise.resolve([...events]) }.write,
  {
    async write(events: object[]) {
      events.forEach((one) => void one)
    },
  }.write,
  // As a minifier writes it.
  new Function('return async e=>e.flatMap(x=>x)')(),
]
/** Today's form, which must not be taken for the earlier one. */
const SINKS: readonly unknown[] = [
  async (lines: string) =>
    void lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  async (text: string, _batch: number) => {
    const events = text.split('\n')
    for (const event of events) JSON.stringify(event)
  },
  (...all: unknown[]) => Promise.resolve(all),
]

t.test('a need without a stand-in and a stand-in without a need are reported', async (t) => {
  const needy = defineHubPlugin({ name: 'needy', api: 1, summary: 'Needs', needs: { catalog }, setup() {} })
  t.throws(() => createTestHost(needy), { code: 'MEZ_SERVICE_MISSING' })
  t.throws(() => createTestHost(needy, { use: { catalog: {}, secretBox: {} } }), /no 'secretBox'/)
  t.doesNotThrow(() => createTestHost(needy, { use: { catalog: {} } }))
})

t.test('plugins get stand-ins, taps are recorded, and provided values can be read', async (t) => {
  const limits = { ttlMs: () => 1, idleMs: () => 0 }
  let seen: unknown
  const plugin = defineHubPlugin({
    name: 'busy',
    api: 1,
    summary: 'Does a bit of everything',
    needs: { catalog },
    wants: { webRoutes },
    provides: { sessionLimits },
    setup({ tap, use, provide, clock, log }) {
      seen = use
      tap.lifecycle.start(async () => log.warn({ at: clock.now() }, 'started'))
      tap.access.decide((_query, vote) => vote.deny('no'), { stage: 'late', pure: true })
      provide.sessionLimits(limits)
    },
  })
  const apps = { list: () => [] }
  const host = createTestHost(plugin, { use: { catalog: apps, webRoutes: [1, 2] }, clock: fakeClock(1_000) })
  t.match(seen, { catalog: apps, webRoutes: [1, 2] })
  t.strictSame(host.taps, [
    { hook: 'lifecycle.start', stage: 'normal', pure: false },
    { hook: 'access.decide', stage: 'late', pure: true },
  ])
  t.equal(host.service(sessionLimits), limits)
  host.clock.advance(500)
  await host.start()
  t.match(host.log[0], /WARN .*\[busy\] started at=1500/)
  await host.stop()
})

t.test('a fake clock stands still, passes and jumps', async (t) => {
  const clock = fakeClock(5_000)
  clock.advance(10)
  clock.jump(1)
  t.strictSame([clock.now(), clock.monotonic()], [1, 10])
  t.throws(() => clock.advance(-1), RangeError)
})

t.test('names that the hub or the agent does not have are refused when they are passed', async (t) => {
  const write = async () => {}
  const sink = { name: 'x', guarantee: 'enforced', write, flush: write }
  const wrong: [{ kind: string; id: string }, unknown, RegExp][] = [
    [hub.auditSinks, { ...sink, flush: undefined }, /`flush` must be a function/],
    [hub.auditSinks, { ...sink, guarantee: 'best effort' }, /`guarantee` cannot be best effort/],
    [hub.auditSinks, { ...sink, writeIn: true }, /`writeIn` cannot be true/],
    [hub.auditSinks, { ...sink, name: '' }, /`name` cannot be/],
    [protocol.protocols, { name: 'x', takes: 'all', accept: write, drain: write }, /`takes` cannot be all/],
    [protocol.transports, { name: 'x', listen: 7 }, /`listen` cannot be 7/],
    [hub.webRoutes, { name: 'x', prefix: '/web/x' }, /`routes` must be a function/],
    [hub.signInMethods, null, /`choices` must be a function/],
    [hub.migrations, { owner: 'x' }, /`migrations` cannot be undefined/],
    [identity.assertion, { sing: write }, /`sign` must be a function/],
    [hub.sessionLimits, { ttlMs: write }, /`idleMs` must be a function/],
    [protocol.protocols, { name: 'x', takes: 'app-hosts', drain: write }, /`request` must be a function/],
  ]
  for (const write of EARLIER_SINKS)
    wrong.push([hub.auditSinks, { ...sink, write }, /now gets `\(lines, batch\)`/])
  for (const [reference, part, message] of wrong) {
    const { id } = reference
    const setup = ({ provide }: { provide: { it(part: unknown): void } }) => provide.it(part)
    const plugin = {
      side: 'hub',
      name: 'p',
      api: 1,
      summary: '',
      provides: { it: reference as typeof webRoutes },
      setup,
    } as const
    t.throws(() => createTestHost(plugin), { code: 'MEZ_PART_INVALID', message }, id)
    t.throws(() => createTestHost(plugin), { message: new RegExp(`plugin 'p' .*'${id}'`) })
  }
  for (const write of SINKS) {
    const { auditSinks } = hub
    const setup = ({ provide }: { provide: { auditSinks(part: object): void } }) =>
      provide.auditSinks({ ...sink, write })
    const plugin = { side: 'hub', name: 'p', api: 1, summary: '', provides: { auditSinks }, setup } as const
    t.doesNotThrow(() => createTestHost(plugin), String(write))
  }
  const agent = defineAgentPlugin({
    name: 'p',
    api: 1,
    summary: '',
    provides: { agentTransports: protocol.agentTransports },
    setup: ({ provide }) => provide.agentTransports({ name: 'x' } as never),
  })
  t.throws(() => createTestHost<'agent'>(agent), {
    code: 'MEZ_PART_INVALID',
    message: /`dial` must be a function/,
  })
  t.doesNotThrow(() =>
    createTestHost(
      defineHubPlugin({
        name: 'p',
        api: 1,
        summary: '',
        provides: { auditSinks: hub.auditSinks },
        setup: ({ provide }) => provide.auditSinks(sink as never),
      }),
    ),
  )
})
