// in: test/packaging/packages.test.ts
import {
  conformPlugin,
  createTestHost,
  createTestHub,
  FakeIssuer,
  fakeClock,
  testQuery,
} from '@mezite/core/testing'
import t from 'tap'
import officeHours from '../../examples/office-hours/hub.ts'

const at = (hour: number) => new Date(2026, 10, 25, hour, 30).getTime()

t.test('it keeps the rules of plugins', async (t) => {
  conformPlugin(t, officeHours, {
    config: { from: 9, to: 17 },
    refused: [{}, { from: 9 }, { from: -1, to: 25 }],
  })
  conformPlugin(t, officeHours, {
    config: { from: 9, to: 17, exempt_roles: ['oncall'] },
    refused: [{ from: 9, to: 17, exempt_roles: 'admin' }],
  })
})

t.test('office-hours denies outside the hours of the app, across midnight too', async (t) => {
  const clock = fakeClock(new Date(2026, 10, 25, 23).getTime())
  const config = { from: 22, to: 24, exempt_roles: ['oncall'] }
  const { calls } = createTestHost(officeHours, { config, clock })
  const denied = async (window: object | null, roles: readonly string[] = []) => {
    let reason: string | null = null
    const deny = (why: string) => {
      reason = why
    }
    const ballot = { allow() {}, require() {}, rule() {}, byRequest() {}, meet() {}, explain() {}, deny }
    const app = window === null ? {} : { plugins: { 'office-hours': window } }
    const query = testQuery({ app, subject: { roles } })
    const { failed } = await calls.access.decide(query, () => ballot)
    return failed.length > 0 ? failed[0]!.error : reason
  }
  const [night, day] = [
    { from: 22, to: 6 },
    { from: 6, to: 22 },
  ]
  t.equal(await denied(null), null)
  t.equal(await denied(night), null)
  t.equal(await denied(day), 'outside_office_hours')
  t.equal(await denied(day, ['oncall']), null)
  clock.advance(7 * 3_600_000)
  t.equal(await denied(null), 'outside_office_hours', 'the hours of all')
  t.equal(await denied(night), 'outside_office_hours')
  t.equal(await denied(day), null)
  t.match(
    await denied({ from: 'noon', to: 6 }),
    { code: 'MEZ_HOOK_FAILED' },
    'a window that cannot be read denies',
  )
})

t.test('office-hours denies outside the hours, and is not cached', async (t) => {
  const host = createTestHost(officeHours, { config: { from: 9, to: 17 }, clock: fakeClock(at(8)) })
  t.strictSame(host.taps, [{ hook: 'access.decide', stage: 'normal', pure: false }])
  t.equal(host.calls.access.decide.pure, false)
  const denials = () => {
    const heard: string[] = []
    const ballot = {
      allow: () => {},
      require: () => {},
      rule: () => {},
      byRequest: () => {},
      meet: () => {},
      deny: (reason: string) => void heard.push(reason),
    }
    host.calls.access.decide(testQuery(), () => ballot)
    return heard
  }
  t.strictSame(denials(), ['outside_office_hours'])
  host.clock.jump(at(9))
  t.strictSame(denials(), [])
  host.clock.jump(at(17))
  t.strictSame(denials(), ['outside_office_hours'])
})

t.test('a hub with it refuses a person at night and lets the same person in by day', async (t) => {
  const clock = fakeClock()
  const hour = new Date(clock.now()).getHours()
  // From the hour that it is, so that certificates and the provider's tokens are valid, until after the next one has begun.
  const config = { from: hour, to: Math.min(hour + 2, 24) }
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const hub = await createTestHub({
    plugins: [{ plugin: officeHours, config }],
    clock,
  })
  t.teardown(() => hub.stop())
  await hub.api('PUT', '/connectors/sso', {
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'sso' },
    spec: {
      ...issuer.spec,
      claims_to_roles: [{ claim: 'groups', value: 'platform-team', roles: ['access'] }],
    },
  })
  await hub.api('PUT', '/apps/wiki', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'wiki' },
    spec: { uri: 'http://127.0.0.1:9', agents: [] },
  })

  // The provider's tokens have the real time, and a busy machine takes a while to start a hub.
  clock.jump(Date.now())
  await hub.ready()
  const visitor = hub.visitor()
  const byDay = await visitor.open(`${hub.appUrl('wiki')}/`)
  t.equal(byDay.status, 502, 'let in; no agent serves the app')

  const put = (plugins: object) =>
    hub.api('PUT', '/apps/wiki', {
      kind: 'app',
      version: 'v1',
      metadata: { name: 'wiki' },
      spec: { uri: 'http://127.0.0.1:9', agents: [], plugins },
    })
  const now = new Date(clock.now()).getHours()
  const closed = { from: (now + 2) % 24, to: (now + 3) % 24 }
  await put({ 'office-hours': closed })
  const outside = await visitor.open(`${hub.appUrl('wiki')}/`)
  t.equal(outside.status, 403, 'a slice of the document takes effect without a restart')
  t.match(outside.text, 'outside_office_hours')
  t.match(await hub.api('GET', '/apps/wiki'), { spec: { plugins: { 'office-hours': closed } } })
  const invalid = { 'office-hours': { from: 25 }, nobody: {} }
  t.match(await put(invalid).catch((error) => error), {
    code: 'resource_invalid',
    message: /spec\.plugins\.nobody/,
  })
  t.match(await hub.api('GET', '/schemas/app'), {
    properties: { plugins: { properties: { 'office-hours': { properties: { from: { maximum: 24 } } } } } },
  })
  await put({})
  t.equal((await visitor.open(`${hub.appUrl('wiki')}/`)).status, 502)

  clock.advance(2 * 60 * 60_000)
  await hub.ready()
  const byNight = await visitor.open(`${hub.appUrl('wiki')}/`)
  t.equal(byNight.status, 403)
  t.match(byNight.text, 'outside_office_hours')
  const problem: unknown = await hub.api('GET', '/apps/nothing').catch((error) => error)
  t.match(problem, { status: 404 })
})
