import type { BenchMachine } from '../bench-machine.ts'
import { begin } from '../measure.ts'
import { residentKb } from '../processes.ts'
import { alone, type Figure, most } from '../row.ts'
import { heads } from '../target.ts'

/** Fewer than one person may have under way. */
const CLIENTS = 900
/** Before it is looked at, memory that the handshakes alone needed may go. */
const SETTLE_MS = 2_000

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export const idleClients = {
  name: 'idle-clients',
  summary: `memory of the hub for each of ${CLIENTS} TLS clients that keep their connection after one request`,
  compares:
    'equal: nothing is compared; resident memory of the real programs, whose history counts: so it is measured once, in the first row, and no speed of the machine changes it',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { many, hubPid, agentPid } = await machine.ours()
    await pause(SETTLE_MS)
    const agentMb = residentKb(agentPid) / 1_000
    const load = await machine.load()
    const hold = (count: number) =>
      begin(load, {
        port: many.port,
        servername: many.host,
        ms: 0,
        heads: heads(many, count, 'GET /bytes/1024'),
      })
    // What the first connections bring along is not theirs: compiled code, tables, the first heap.
    await hold(500)
    await hold(1)
    await pause(SETTLE_MS)
    const before = residentKb(hubPid)
    await hold(CLIENTS)
    await pause(SETTLE_MS)
    const grown = (residentKb(hubPid) - before) / CLIENTS
    await hold(0)
    return [
      alone('idle agent', 'MB', [agentMb], most(80, 60)),
      alone('memory for an idle TLS client', 'KB', [grown], most(60, 40)),
    ]
  },
}
