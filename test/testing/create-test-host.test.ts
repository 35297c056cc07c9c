import t from 'tap'
import { catalog, defineHubPlugin, sessionLimits, webRoutes } from '../../core/index.ts'
import { createTestHost, fakeClock } from '../../core/testing/index.ts'

t.test('a need without a stand-in, and a stand-in without a need, are said', async (t) => {
  const needy = defineHubPlugin({ name: 'needy', api: 1, summary: 'Needs', needs: { catalog }, setup() {} })
  t.throws(() => createTestHost(needy), { code: 'MEZ_SERVICE_MISSING' })
  t.throws(() => createTestHost(needy, { use: { catalog: {}, vault: {} } }), /no 'vault'/)
  t.doesNotThrow(() => createTestHost(needy, { use: { catalog: {} } }))
})

t.test('stand-ins arrive, taps are written down, and what is provided can be taken', async (t) => {
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
