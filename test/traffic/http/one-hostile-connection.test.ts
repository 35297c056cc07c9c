/** What one client that nobody knows can do to the requests of others. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:https'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createTestHub } from '../../../core/testing/index.ts'

const CLIENT = fileURLToPath(new URL('./hostile-connection.ts', import.meta.url))
const HOST = 'hub.mezite.localhost'
const REQUESTS = 200
const MOST_TIMES = 3

const hub = await createTestHub({ config: { proxy: { limits: { calls_per_minute: { other: 100_000 } } } } })
t.teardown(() => hub.stop())
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
t.teardown(() => agent.destroy())

function ask(): Promise<number> {
  return new Promise((resolve, reject) => {
    const { public: port } = hub.ports
    const options = { agent, port, host: '127.0.0.1', servername: HOST, rejectUnauthorized: false }
    get({ ...options, path: '/v1/webapi/openapi.json', headers: { host: `${HOST}:${port}` } }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
    }).once('error', reject)
  })
}

/**
 * The processor time of this thread, in which the hub and the honest client run, between a request and its response: other programs
 * of the machine do not lengthen it. The mean of many, in milliseconds, because the kernel counts it by the tick.
 */
async function meanMs(t: Pick<Test, 'fail'>): Promise<number> {
  let total = 0
  for (let n = 0; n < REQUESTS; n++) {
    const before = process.threadCpuUsage()
    const status = await ask()
    const { user, system } = process.threadCpuUsage(before)
    if (status !== 200) t.fail(`an honest request got ${status}`)
    total += (user + system) / 1_000
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return total / REQUESTS
}
// The first ones compile.
await meanMs(t)
const idle = await meanMs(t)

for (const kind of ['pipelined requests', 'anonymous calls', 'resets of HTTP/2']) {
  t.test(
    `N173 ${kind} of one connection lengthen an honest request to three times its idle time at most`,
    async (t) => {
      const client: ChildProcess = fork(CLIENT, [kind, String(hub.ports.public), HOST], {
        execArgv: ['--conditions=mezite-source'],
      })
      t.teardown(() => client.kill('SIGKILL'))
      await once(client, 'message')
      const busy = await meanMs(t)
      t.equal(client.exitCode, null, 'the hostile client goes on')
      t.ok(busy <= MOST_TIMES * idle, `${busy.toFixed(2)} of at most ${(MOST_TIMES * idle).toFixed(2)} ms`)
    },
  )
}
