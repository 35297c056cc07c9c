import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { residentKb } from '../../bench/processes.ts'
import { askLive } from '../limits/ask-live.ts'
import { openCrowd, openTls } from '../limits/open-clients.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import { startOneHub } from '../start-one-hub.ts'

const READERS = 200
const READ_MS = 30_000
/** Buffers on the way fill as fast as the application can: while it does, it answers nobody else either, asked directly. */
const FILL_MS = 10_000

export const slowReaders = {
  name: 'slow-readers',
  summary:
    'fault 22: 200 people read a download of 1 GB at 1 KB/s, beside somebody at work; then the same beside a busy neighbour',
  async run(run: SoakRun): Promise<Outcome> {
    const alone = await measure(run, '')
    // Takes one processor, so that collections of garbage come late.
    const neighbour = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
    run.teardown(() => neighbour.kill('SIGKILL'))
    const beside = await measure(run, ', beside a busy neighbour')
    return { growths: [], figures: [...alone, ...beside] }
  },
}

/** One round with a hub of its own; `where` ends the name of each figure. */
async function measure(run: SoakRun, where: string): Promise<readonly SoakFigure[]> {
  const dir = mkdtempSync(join(run.dir, 'round-'))
  const cluster = await startOneHub({ ...run, dir })
  const { publicPort, appHost, hub, agent } = cluster
  const visitor = await cluster.signIn('worker')
  await askLive(visitor, cluster.liveUrl, 5_000)
  const pids = { hub: hub.program.pid, agent: agent.pid }
  const quiet = await askLive(visitor, cluster.liveUrl, 10_000)
  const before = await mostResident(pids, async () => {})
  const heldBefore = { hub: await cluster.heldMb(hub.program), agent: await cluster.heldMb(agent) }
  let readers: readonly TLSSocket[] = []
  let busy = quiet
  const slow = await mostResident(pids, async () => {
    readers = await openCrowd(
      READERS,
      (at) => openTls(publicPort, appHost, at),
      (socket) => {
        socket.pause()
        socket.write(`${cluster.head(visitor, 'GET /download?bytes=1073741824')}\r\n`)
        const timer = setInterval(() => socket.read(1_024), 1_000)
        socket.once('close', () => clearInterval(timer))
      },
    )
    await new Promise((resolve) => setTimeout(resolve, FILL_MS))
    busy = await askLive(visitor, cluster.liveUrl, READ_MS)
  })
  const held = { hub: await cluster.heldMb(hub.program), agent: await cluster.heldMb(agent) }
  const alive = readers.filter(({ destroyed }) => !destroyed).length
  for (const socket of readers) socket.destroy()
  const limit = (value: number) => ({ kind: 'most', value }) as const
  const figures: readonly SoakFigure[] = [
    { what: 'readers at the end', value: alive, unit: '', limit: { kind: 'least', value: READERS } },
    ...(['hub', 'agent'] as const).flatMap((name) => [
      {
        what: `${name}: gained after a collection`,
        value: held[name] - heldBefore[name],
        unit: 'MB',
        limit: limit(50),
      },
      {
        what: `${name}: most resident memory, above that before the first reader`,
        value: slow[name] - before[name],
        unit: 'MB',
        limit: limit(100),
      },
      {
        what: `${name}: most resident memory`,
        value: slow[name],
        unit: 'MB',
        limit: null,
      },
    ]),
    { what: 'requests of others that failed', value: busy.failed, unit: '', limit: limit(0) },
    { what: 'p99 of others before', value: quiet.p99, unit: 'ms', limit: null },
    { what: 'p99 of others meanwhile', value: busy.p99, unit: 'ms', limit: null },
    { what: 'p99 meanwhile, of that before', value: busy.p99 / quiet.p99, unit: '', limit: limit(1.5) },
  ]
  return figures.map((one) => ({ ...one, what: one.what + where }))
}

type Megabytes = Record<'hub' | 'agent', number>

/** The most resident memory of each program while `run` runs. */
async function mostResident(
  pids: Readonly<Record<'hub' | 'agent', number>>,
  run: () => Promise<void>,
): Promise<Megabytes> {
  const most: Megabytes = { hub: 0, agent: 0 }
  const look = (): void => {
    for (const name of ['hub', 'agent'] as const)
      most[name] = Math.max(most[name], residentKb(pids[name]) / 1024)
  }
  const timer = setInterval(look, 250)
  await run().finally(() => clearInterval(timer))
  look()
  return most
}
