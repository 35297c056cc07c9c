import t from 'tap'
import {
  conformPlugin,
  createTestHost,
  createTestHub,
  FakeIssuer,
  fakeClock,
} from '../../core/testing/index.ts'
import officeHours from '../../examples/office-hours/hub.ts'

const at = (hour: number) => new Date(2026, 10, 25, hour, 30).getTime()

t.test('it keeps the rules of plugins', async (t) => {
  conformPlugin(t, officeHours, {
    config: { from: 9, to: 17 },
    refused: [{}, { from: 9 }, { from: -1, to: 25 }],
  })
})

t.test('it denies outside the hours, and is asked again each time', async (t) => {
  const host = createTestHost(officeHours, { config: { from: 9, to: 17 }, clock: fakeClock(at(8)) })
  t.strictSame(host.taps, [{ hook: 'access.decide', stage: 'normal', pure: false }])
  t.equal(host.calls.access.decide.pure, false)
  const denials = () => {
    const heard: string[] = []
    const ballot = { allow: () => {}, require: () => {}, deny: (reason: string) => void heard.push(reason) }
    host.calls.access.decide({} as never, () => ballot)
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
  // Around the hour that it is, so that certificates and the provider's tokens are valid.
  const config = { from: hour, to: hour + 1 }
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const hub = await createTestHub({ plugins: [{ plugin: officeHours, config }], clock })
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

  const visitor = hub.visitor()
  const byDay = await visitor.open(`${hub.appUrl('wiki')}/`)
  t.equal(byDay.status, 502, 'let in; no agent serves the app')
  clock.advance(60 * 60_000)
  await hub.ready()
  const byNight = await visitor.open(`${hub.appUrl('wiki')}/`)
  t.equal(byNight.status, 403)
  t.match(byNight.text, 'outside_office_hours')
  const problem: unknown = await hub.api('GET', '/apps/nothing').catch((error) => error)
  t.match(problem, { status: 404 })
})
