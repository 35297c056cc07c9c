import t from 'tap'
import { createAttention } from '../../../core/hub/api-server/attention.ts'
import { createTestHub, fakeClock } from '../../../core/testing/index.ts'

const DAY_MS = 86_400_000

t.test('status lists what needs attention', (t) => {
  const clock = fakeClock()
  const now = clock.now()
  const states: Record<string, { state: string; reason: string | null }> = {
    fine: { state: 'ready', reason: null },
    off: { state: 'disabled', reason: null },
    broken: { state: 'unreachable', reason: 'connection_refused' },
    lonely: { state: 'no_agent', reason: null },
  }
  const rooms = {
    catalog: { list: () => Object.keys(states).map((name) => ({ name })) },
    tunnel: {
      stateOf: ({ name }: { name: string }) => states[name],
      links: () => [{ hostname: 'here' }],
      agents: () => [{ hostname: 'here' }, { hostname: 'gone' }, { hostname: 'never' }],
    },
    certificates: {
      development: false,
      expiries: () => [
        { subject: 'https_keypair', expires: now + 20 * DAY_MS },
        { subject: 'apps_keypair', expires: now + 22 * DAY_MS },
      ],
    },
    authorities: { keys: () => [{ expires: now + 3_650 * DAY_MS }] },
    audit: {
      sinks: [
        { name: 'full', queued: 3_000, dropped: 0 },
        { name: 'idle', queued: 5, dropped: 0 },
      ],
    },
    registry: { clockAheadMs: -7_000 },
    revisions: { fresh: () => false },
  }
  const attention = createAttention(rooms as never, 'hub-1', clock, '20.1.0')
  attention.changed({ hostname: 'gone', connected: false, reason: null })
  t.strictSame(
    attention.list().map(({ kind, subject }) => `${kind} ${subject}`),
    [
      'clock hub-1',
      'database hub-1',
      'runtime hub-1',
      'certificate https_keypair',
      'audit full',
      'agent gone',
      'agent never',
      'app broken',
      'app lonely',
    ],
  )
  const messageOf = (name: string) => attention.list().find(({ subject }) => subject === name)?.message
  t.match(messageOf('gone'), `last seen ${new Date(now).toISOString()}`)
  t.match(messageOf('never'), /not seen since the hub started/)
  t.match(messageOf('broken'), /connection_refused/)
  t.end()
})

t.test('a hub reports an app without an agent', async (t) => {
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  const attention = async () => (await hub.api<{ attention: unknown[] }>('GET', '/status')).attention
  t.strictSame(await attention(), [])
  await hub.api('POST', '/apps', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'grafana' },
    spec: { uri: 'http://127.0.0.1:3000', agents: ['db-1'] },
  })
  t.match(await attention(), [{ kind: 'app', subject: 'grafana', message: /no agent/ }])
})
