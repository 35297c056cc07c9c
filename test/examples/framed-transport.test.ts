// in: test/packaging/packages.test.ts
import { readdirSync, readFileSync } from 'node:fs'
import { agentTransports, transports } from '@mezite/core/protocol'
import { conformPlugin, conformTransport, createTestHost } from '@mezite/core/testing'
import t from 'tap'
import agent from '../../examples/framed-transport/agent.ts'
import hub from '../../examples/framed-transport/hub.ts'

t.test('it keeps the rules of plugins', async (t) => {
  conformPlugin(t, hub)
  conformPlugin(t, agent)
})

conformTransport(t, {
  hub: createTestHost(hub).slot(transports)[0]!,
  agent: createTestHost<'agent'>(agent).slot(agentTransports)[0]!,
})

t.test('a third-party transport needs less than 120 lines', (t) => {
  const folder = new URL('../../examples/framed-transport/', import.meta.url)
  const sources = readdirSync(folder).filter((name) => /(?<!\.test)\.ts$/.test(name))
  const lines = sources.map(
    (name) => readFileSync(new URL(name, folder), 'utf8').trimEnd().split('\n').length,
  )
  t.ok(lines.reduce((sum, each) => sum + each, 0) < 120, `${lines}`)
  t.end()
})
