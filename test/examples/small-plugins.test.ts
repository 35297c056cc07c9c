/** Examples that tap the hooks which no plugin of the standard set needs. */
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import type { AuditEvent } from '@mezite/core'
import type { Link } from '@mezite/core/protocol'
import t from 'tap'
import { conformPlugin, createTestHost } from '../../core/testing/index.ts'
import agentHalf from '../../examples/agent-alerts/agent.ts'
import alerts from '../../examples/agent-alerts/hub.ts'
import redaction from '../../examples/audit-redaction/hub.ts'
import zoneRouting from '../../examples/zone-routing/hub.ts'

const zones = { zone: 'a', zones: { near: 'a', far: 'b' } }

t.test('they keep the rules of plugins', async (t) => {
  conformPlugin(t, alerts, { config: { url: 'http://127.0.0.1:1' }, refused: [{}, { url: 'ftp://x' }] })
  conformPlugin(t, agentHalf, { config: { file: '/run/x' }, refused: [{}] })
  conformPlugin(t, zoneRouting, { config: zones, refused: [{ zone: 'a' }] })
  conformPlugin(t, redaction)
})

t.test('agent-alerts posts what happened, and drains only when everything is posted', async (t) => {
  const received: unknown[] = []
  const server = createServer(async (request, response) => {
    received.push(await json(request))
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const host = createTestHost(alerts, { config: { url: `http://127.0.0.1:${port}` } })
  await host.calls.lifecycle.ready()
  host.calls.tunnel.changed({ hostname: 'node-1', connected: true, reason: null })
  host.calls.tunnel.changed({ hostname: 'node-1', connected: false, reason: 'connection_lost' })
  await host.calls.lifecycle.drain(AbortSignal.timeout(10_000))
  const events = received.map((each) => (each as { event: string }).event).sort()
  t.strictSame(events, ['agent_connected', 'agent_lost', 'hub_ready'])
  t.match(
    received.find((each) => (each as { event: string }).event === 'agent_lost'),
    { agent: 'node-1', reason: 'connection_lost', time: /^\d{4}-/ },
  )
  const deaf = createTestHost(alerts, { config: { url: 'http://127.0.0.1:1' } })
  await deaf.calls.lifecycle.ready()
  await deaf.calls.lifecycle.drain(AbortSignal.timeout(10_000))
  t.match(deaf.log.join(), /webhook did not accept/)
})

t.test('agent-alerts keeps its file while a link is up', async (t) => {
  const file = join(t.testdir(), 'connected')
  const host = createTestHost<'agent'>(agentHalf, { config: { file } })
  const changed = (instance: string, connected: boolean) =>
    host.calls.link.changed({ instance, connected, reason: null })
  changed('one', true)
  changed('two', true)
  changed('one', false)
  t.ok(existsSync(file))
  changed('two', false)
  t.notOk(existsSync(file))
  changed('one', true)
  await host.start()
  await host.stop()
  t.notOk(existsSync(file), 'not after a stop')
})

t.test('zone-routing chooses agents of the zone while one is connected', async (t) => {
  const { calls } = createTestHost(zoneRouting, { config: zones })
  const links = ['far', 'near', 'unknown'].map((hostname) => ({ hostname })) as unknown as Link[]
  const route = (from: readonly Link[]) =>
    calls.tunnel.route(from, {} as never).map(({ hostname }) => hostname)
  t.strictSame(route(links), ['near'])
  t.strictSame(route([links[0]!, links[2]!]), ['far', 'unknown'])
})

t.test('audit-redaction shortens addresses and nothing else', async (t) => {
  const { calls } = createTestHost(redaction)
  const addresses = [
    ['203.0.113.7', '203.0.113.0'],
    ['2001:db8:1:2::3', '2001:db8:1::'],
    ['2001:db8::3', '2001:db8::'],
    ['::1', '::'],
  ]
  for (const [given, wanted] of addresses)
    t.match(calls.audit.event({ client_ip: given, user: 'ann' } as unknown as AuditEvent, undefined), {
      client_ip: wanted,
      user: 'ann',
    })
  t.match(calls.audit.event({ client_ip: null } as unknown as AuditEvent, undefined), { client_ip: null })
})
