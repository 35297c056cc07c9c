import { readdirSync, readFileSync } from 'node:fs'
import { conformTransport } from '@mezite/core/testing'
import t from 'tap'
import agent from '../../examples/framed-transport/agent.ts'
import hub from '../../examples/framed-transport/hub.ts'
import { transportParts } from '../plugins/transport-parts.ts'

conformTransport(t, transportParts(hub, agent))

t.test('a transport of a third party takes less than 120 lines', (t) => {
  const folder = new URL('../../examples/framed-transport/', import.meta.url)
  const sources = readdirSync(folder).filter((name) => name.endsWith('.ts'))
  const lines = sources.map(
    (name) => readFileSync(new URL(name, folder), 'utf8').trimEnd().split('\n').length,
  )
  t.ok(lines.reduce((sum, each) => sum + each, 0) < 120, `${lines}`)
  t.end()
})
