// long
/** The suite that every transport passes, and the life of the session around the one stream. */
import { mkdtempSync, rmSync } from 'node:fs'
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

t.test('a session ends with its carrier, and its memory is freed', async (t) => {
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

t.test('a lost connection closes both ends of the carrier', async (t) => {
  const path = await openSlowPath(bench.port, { delayMs: 1 })
  const carrier = await bench.open(path.port)
  path.close()
  await Promise.all([closed(carrier.agent), closed(carrier.hub)])
  t.pass('both are closed')
})

t.test('a CONNECT for another protocol gets 501', async (t) => {
  const session = connect(`https://127.0.0.1:${bench.port}`, { rejectUnauthorized: false })
  t.teardown(() => session.destroy())
  await new Promise((resolve) => session.once('remoteSettings', resolve))
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/v1/tunnel/webtransport',
    authorization: bench.proof('CONNECT', '/v1/tunnel/webtransport'),
  })
  const status = await new Promise((resolve) => stream.once('response', (head) => resolve(head[':status'])))
  t.equal(status, 501)
})

conformTransport(t, parts)
