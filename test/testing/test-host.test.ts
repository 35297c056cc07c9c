// together: quick
import t from 'tap'
import { hubKernel } from '../../core/hub/hub.ts'
import * as identity from '../../core/identity.ts'
import * as hub from '../../core/index.ts'
import { catalog, defineAgentPlugin, defineHubPlugin, sessionLimits, webRoutes } from '../../core/index.ts'
import { systemClock } from '../../core/kernel/clock.ts'
import * as protocol from '../../core/protocol.ts'
import { createTestHost, fakeClock } from '../../core/testing/index.ts'
import { memoryLog } from '../../core/testing/memory-log.ts'

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
    [
      hub.auditSinks,
      { ...sink, guarantee: 'best effort' },
      /`guarantee` must be 'enforced' or 'best-effort', not 'best effort'/,
    ],
    [hub.auditSinks, { ...sink, writeIn: true }, /`writeIn` must be a function, or left out, not true/],
    [hub.auditSinks, { ...sink, name: '' }, /`name` must be a text that is not empty, not ''/],
    [
      protocol.protocols,
      { name: 'x', takes: 'all', accept: write, drain: write },
      /`takes` must be 'app-hosts' or 'alpn', not 'all'/,
    ],
    [protocol.transports, { name: 'x', listen: 7 }, /`listen` must be a function, or left out, not 7/],
    [protocol.transports, { name: 'x', path: { path: '/x', settings: { 9: 0 } } }, /`settings` from 1/],
    [protocol.transports, { name: 'x', path: { path: '/x', settings: { 8: 1 } } }, /identifiers above 8/],
    [hub.webRoutes, { name: 'x', prefix: '/web/x' }, /`routes` must be a function/],
    [hub.signInMethods, null, /it must be an object, not null/],
    [
      hub.migrations,
      { owner: 'x' },
      /`migrations` must be an object with the migrations by name, not undefined/,
    ],
    [identity.assertion, { sing: write }, /`sign` must be a function/],
    [hub.sessionLimits, { ttlMs: write }, /`idleMs` must be a function/],
    [protocol.protocols, { name: 'x', takes: 'app-hosts', drain: write }, /`request` must be a function/],
  ]
  const bearer = { name: 'k', from: 'header', at: 'app', headers: ['x-key'], read: write }
  wrong.push(
    [
      hub.roleRules,
      { name: 'app_labels', attach: write },
      /`name` must be .* not 'app_labels', which every rule has/,
    ],
    [hub.migrations, { owner: 'core', migrations: {} }, /`owner` must be .* not 'core', whose tables/],
    [hub.migrations, { owner: 'core-acme', migrations: {} }, /`owner` must be .* not 'core'/],
    [hub.credentials, { ...bearer, headers: ['x-key', 'x-key'] }, /`headers` must be a list of different/],
    [
      hub.credentials,
      { ...bearer, at: 'api' },
      /`headers` must be \['authorization'\]: the API reads no other/,
    ],
  )
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

t.test(
  'two entries of a slot cannot have the same role rule, kind of app, tables or credential header',
  async (t) => {
    const nothing = () => {}
    const rule = { name: 'request', description: '', members: {}, attach: nothing }
    const kind = { name: 'ssh', schemes: ['ssh'], servedByHub: false }
    const key = { name: 'k', from: 'header', at: 'app', headers: ['authorization', 'x-key'], read: nothing }
    const both: readonly (readonly [{ kind: string; id: string }, object, object, RegExp])[] = [
      [hub.roleRules, rule, { ...rule }, /the role rule "request"/],
      [protocol.appKinds, kind, { ...kind }, /the app kind "ssh"/],
      [
        hub.migrations,
        { owner: 'x', migrations: {} },
        { owner: 'x', migrations: {} },
        /the migrations of the owner "x"/,
      ],
      [hub.credentials, key, { ...key, name: 'other' }, /the credential in the header "x-key"/],
    ]
    for (const [reference, one, other, message] of both) {
      const provides = { it: reference as typeof webRoutes }
      const plugin = (name: string, parts: readonly object[]) =>
        defineHubPlugin({
          name,
          api: 1,
          summary: '',
          provides,
          setup: ({ provide }) => parts.forEach((part) => void provide.it(part as never)),
        })
      t.throws(() => createTestHost(plugin('a', [one, other])), {
        code: 'MEZ_SERVICE_TWICE',
        message: new RegExp(`^plugin 'a' provided ${message.source}.* twice$`),
      })
      const second = [{ plugin: plugin('a', [one]) }, { plugin: plugin('b', [other]) }]
      const kernel = hubKernel({ plugins: second as never, log: memoryLog().log }, systemClock, nothing)
      const of = new RegExp(`^plugin 'b' provided ${message.source}, which plugin 'a' has already provided$`)
      t.throws(() => kernel.setup(), { code: 'MEZ_SERVICE_TWICE', message: of })
    }
    const bearers = ['a', 'b'].map((name) => ({ ...key, name, headers: ['authorization', 'mezite-token'] }))
    const shared = defineHubPlugin({
      name: 'p',
      api: 1,
      summary: '',
      provides: { it: hub.credentials },
      setup: ({ provide }) => bearers.forEach((part) => void provide.it(part as never)),
    })
    t.doesNotThrow(() => createTestHost(shared), 'headers whose values say what they are')
  },
)
