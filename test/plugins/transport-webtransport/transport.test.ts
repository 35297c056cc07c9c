/**
 * Each fault of @fails-components/webtransport 1.6.8 that web-transport.ts works around. Three more show in the suite that
 * every transport passes: 64 KiB windows ("a long way"), no back-pressure ("a reader that pauses"), and streams that a
 * server opens lose data ("small and big writes": the agent opens the only stream).
 */
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { conformTransport } from '@mezite/core/testing'
import t from 'tap'
import { openSlowPath } from '../../../core/testing/slow-path.ts'
import { openTransportBench } from '../../../core/testing/transport-bench.ts'
import agent from '../../../plugins/transport-webtransport/agent.ts'
import hub from '../../../plugins/transport-webtransport/hub.ts'
import { transportParts } from '../transport-parts.ts'

const parts = transportParts(hub, agent)
const dir = mkdtempSync(join(tmpdir(), 'mezite-faults-'))
const bench = await openTransportBench(parts, dir)
t.teardown(async () => {
  await bench.close()
  rmSync(dir, { recursive: true, force: true })
})
const closed = (stream: Duplex) =>
  new Promise<void>((resolve) => (stream.destroyed ? resolve() : stream.once('close', () => resolve())))

t.test('it prints some 25 lines when it is loaded: none is seen', async (t) => {
  const lines: unknown[] = []
  const note = (...line: unknown[]): void => void lines.push(line)
  const before = { log: console.log, error: console.error }
  Object.assign(console, { log: note, error: note })
  t.teardown(() => Object.assign(console, before))
  const carrier = await bench.open()
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.same(lines, [])
  t.same([console.log, console.error], [note, note], 'and the console is as before')
  carrier.agent.destroy()
  await closed(carrier.hub)
})

t.test(
  '100 streams a session, and closed ones count: a tunnel uses one, in a session of its own',
  async (t) => {
    for (let n = 0; n < 120; n++) {
      const carrier = await bench.open()
      carrier.agent.destroy()
      await closed(carrier.hub)
    }
    t.pass('120 carriers, one after the other')
  },
)

t.test('it keeps streams until their session ends: the session ends with the carrier', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const ends: WeakRef<Duplex>[] = []
  for (let n = 0; n < 20; n++) {
    const carrier = await bench.open()
    ends.push(new WeakRef(carrier.agent), new WeakRef(carrier.hub))
    carrier.agent.write(Buffer.alloc(100))
    carrier.agent.destroy()
    await closed(carrier.hub)
  }
  let left = ends.length
  for (let pass = 0; pass < 20 && left > 2; pass++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    collect()
    left = ends.filter((end) => end.deref() !== undefined).length
  }
  // The last one may still be on the stack.
  t.ok(left <= 2, `${left} of ${ends.length} ends are left`)
})

t.test('it does not notice a lost connection: both ends of the carrier close', async (t) => {
  const path = await openSlowPath(bench.port, { delayMs: 1 })
  const carrier = await bench.open(path.port)
  path.close()
  await Promise.all([closed(carrier.agent), closed(carrier.hub)])
  t.pass('both are closed')
})

t.test('it serves any request: those that are not WebTransport get 501', async (t) => {
  const session = connect(`https://127.0.0.1:${bench.port}`, { rejectUnauthorized: false })
  t.teardown(() => session.destroy())
  await new Promise((resolve) => session.once('remoteSettings', resolve))
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/v1/tunnel/webtransport',
  })
  const status = await new Promise((resolve) => stream.once('response', (head) => resolve(head[':status'])))
  t.equal(status, 501)
})

t.test('its browser bundle contacts example.com: one file for Node.js imports it', async (t) => {
  const root = join(import.meta.dirname, '../../..')
  const files = globSync(
    ['core/**/*.{ts,js}', 'plugins/**/*.{ts,tsx,js}', 'agent/*.ts', 'oclif-cli/**/*.{ts,js}'],
    {
      cwd: root,
      exclude: (name) => name.includes('node_modules') || name.includes('dist'),
    },
  )
  t.same(
    files.filter((file) =>
      /import\(?.*@fails-components\/webtransport/.test(readFileSync(join(root, file), 'utf8')),
    ),
    ['plugins/transport-webtransport/web-transport.ts'],
  )
})

conformTransport(t, parts)
