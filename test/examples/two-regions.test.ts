// needs: haproxy, PostgreSQL
// long
/** Two hubs behind HAProxy with PROXY protocol version 2: either may be killed, and the applications stay open. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Visitor } from '@mezite/core/testing'
import t from 'tap'
import { signIn } from '../../examples/cluster/check/person-steps.ts'
import { startCluster } from '../../examples/cluster/cluster.ts'
import { people } from '../../examples/cluster/people.ts'
import '../e2e/plain-programs.ts'
import { steadyRequests } from '../e2e/steady-requests.ts'
import { until } from '../until.ts'

const skip = existsSync('/usr/sbin/haproxy') ? false : 'HAProxy is not installed'
const RATE = 40

t.test('fault 1: no request fails when a hub of the example is killed', { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-regions-'))
  const cluster = await startCluster({ dir, hubPort: 0, idpPort: 0, hubs: 2, onStep: () => {} })
  t.teardown(async () => {
    await cluster.stop()
    rmSync(dir, { recursive: true, force: true })
  })
  const visitor = new Visitor(cluster.ca)
  const page = await signIn(visitor, people[0], `${cluster.apps.live}/`)
  t.equal(page.status, 200, 'signing in works whichever hub gets each connection')
  const hubs = cluster.hubs.map(({ name }) => cluster.programs.get(name))
  t.equal(hubs.length, 2)

  const steady = steadyRequests(visitor, `${cluster.apps.live}/download?bytes=100`, RATE)
  const answered = (count: number) => {
    const before = steady.asked.length
    return until(() => steady.asked.length >= before + count, 'requests are answered')
  }
  await answered(RATE)
  hubs[1]?.signal('SIGKILL')
  await hubs[1]?.exited
  await answered(2 * RATE)
  const answers = await steady.stop()
  t.same(
    answers.filter(({ status }) => status !== 200),
    [],
    `${answers.length} requests, none failed`,
  )
  const agents = JSON.parse(await cluster.mezctl('agents', 'ls', '--format', 'json')) as object[]
  t.match(agents, [{ hostname: 'demo-node', connected: true, transport: 'http2' }])
})
