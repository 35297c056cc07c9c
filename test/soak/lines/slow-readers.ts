import { once } from 'node:events'
import { residentKb } from '../../bench/processes.ts'
import { askLive } from '../limits/ask-live.ts'
import { openCrowd, openTls } from '../limits/open-clients.ts'
import type { Outcome, SoakRun } from '../line.ts'
import { startOneHub } from '../start-one-hub.ts'

const READERS = 200
const READ_MS = 30_000
/** Buffers on the way fill as fast as the application can: while it does, it answers nobody else either, asked directly. */
const FILL_MS = 10_000

export const slowReaders = {
  name: 'slow-readers',
  summary: 'fault 22: 200 people read a download of 1 GB at 1 KB/s, beside somebody at work',
  async run(run: SoakRun): Promise<Outcome> {
    const cluster = await startOneHub(run)
    const { publicPort, appHost, hub, agent } = cluster
    const visitor = await cluster.signIn('worker')
    await askLive(visitor, cluster.liveUrl, 5_000)
    // Several downloads at full speed first: the memory that relaying itself takes, until it is collected, is no growth.
    for (let turn = 0; turn < 2; turn++)
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          const fast = await visitor.stream(`${cluster.liveUrl}/download?bytes=100000000`, {
            timeoutMs: 60_000,
          })
          fast.resume()
          await once(fast, 'end')
        }),
      )
    const quiet = await askLive(visitor, cluster.liveUrl, 10_000)
    const pids = { hub: hub.program.pid, agent: agent.pid }
    const heldBefore = { hub: await cluster.heldMb(hub.program), agent: await cluster.heldMb(agent) }
    const before = { hub: residentKb(pids.hub), agent: residentKb(pids.agent) }
    const readers = await openCrowd(
      READERS,
      (at) => openTls(publicPort, appHost, at),
      (socket) => {
        socket.pause()
        socket.write(`${cluster.head(visitor, 'GET /download?bytes=1073741824')}\r\n`)
        const timer = setInterval(() => socket.read(1_024), 1_000)
        socket.once('close', () => clearInterval(timer))
      },
    )
    let most = { hub: 0, agent: 0 }
    const watching = setInterval(() => {
      const grown = (name: 'hub' | 'agent') =>
        Math.max(most[name], (residentKb(pids[name]) - before[name]) / 1024)
      most = { hub: grown('hub'), agent: grown('agent') }
    }, 500)
    await new Promise((resolve) => setTimeout(resolve, FILL_MS))
    const busy = await askLive(visitor, cluster.liveUrl, READ_MS)
    clearInterval(watching)
    const held = { hub: await cluster.heldMb(hub.program), agent: await cluster.heldMb(agent) }
    const alive = readers.filter(({ destroyed }) => !destroyed).length
    for (const socket of readers) socket.destroy()
    const limit = (value: number) => ({ kind: 'most', value }) as const
    return {
      growths: [],
      figures: [
        { what: 'readers at the end', value: alive, unit: '', limit: { kind: 'least', value: READERS } },
        { what: 'hub: most memory gained', value: most.hub, unit: 'MB', limit: limit(50) },
        { what: 'agent: most memory gained', value: most.agent, unit: 'MB', limit: limit(50) },
        {
          what: 'hub: gained after a collection',
          value: held.hub - heldBefore.hub,
          unit: 'MB',
          limit: limit(50),
        },
        {
          what: 'agent: gained after a collection',
          value: held.agent - heldBefore.agent,
          unit: 'MB',
          limit: limit(50),
        },
        { what: 'requests of others that failed', value: busy.failed, unit: '', limit: limit(0) },
        { what: 'p99 of others before', value: quiet.p99, unit: 'ms', limit: null },
        { what: 'p99 of others meanwhile', value: busy.p99, unit: 'ms', limit: null },
        { what: 'p99 meanwhile, of that before', value: busy.p99 / quiet.p99, unit: '', limit: limit(1.5) },
      ],
    }
  },
}
