import type { BenchMachine } from '../bench-machine.ts'
import { begin, inRounds, sample } from '../measure.ts'
import { compared, type Figure, most } from '../row.ts'
import { heads, type Target } from '../target.ts'

const CONNECTIONS = 4
const PAUSE_MS = 5
const DOWNLOAD_BYTES = 100_000_000

export const besideDownload = {
  name: 'beside-download',
  summary: 'p99 of small requests while 100 MB downloads go through the same tunnel',
  compares: 'equal: TLS, load, one download beside. Not equal: the plain proxy has no tunnel that both share',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { many } = await machine.ours()
    const plain = await machine.plainProxy()
    const [load, downloader] = await Promise.all([machine.load(), machine.load('downloader')])
    const of = await inRounds(machine, [many, plain], async (target) => {
      const ms = machine.options.seconds * 1000
      const common = { port: target.port, servername: target.host }
      const { done } = await begin(downloader, {
        ...common,
        ms: ms + 700,
        heads: heads(target, 1, `GET /bytes/${DOWNLOAD_BYTES}`),
      })
      const small = heads(target, CONNECTIONS, 'GET /bytes/1024')
      const [measured] = await Promise.all([
        sample(load, target, { ...common, ms, heads: small, pauseMs: PAUSE_MS }),
        done,
      ])
      return measured
    })
    const p99 = (target: Target) => of(target).map((each) => each.p99Ms)
    return [
      compared(
        'p99 beside a download',
        'ms',
        p99(many),
        { name: plain.name, values: p99(plain) },
        most(2, 1.2),
      ),
    ]
  },
}
