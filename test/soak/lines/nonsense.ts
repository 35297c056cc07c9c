import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fuzzListeners } from '../../e2e/fuzz-listeners.ts'
import { compareHeads, randomHeads } from '../../traffic/http/random-heads.ts'
import type { Outcome, SoakRun } from '../line.ts'
import { startOneHub } from '../start-one-hub.ts'

const ROUND = 2_000
const HEADS = 1_000_000

export const nonsense = {
  name: 'nonsense',
  summary: 'N174: nonsense at every listener and stage of a hub for as long as --minutes says',
  async run(run: SoakRun): Promise<Outcome> {
    const cluster = await startOneHub(run)
    const { publicPort, diagnosticsPort, hub, site, appHost } = cluster
    const dataDir = join(site.dir, hub.name)
    const targets = {
      publicPort,
      diagnosticsPort,
      adminSocket: join(dataDir, 'admin.sock'),
      hosts: ['hub.mezite.localhost', appHost, 'elsewhere.example'],
    }
    let exits = 0
    void hub.program.exited.then(() => {
      exits += 1
    })
    const until = performance.now() + run.options.minutes * 60_000
    let seed = Date.now() % 1_000_000
    let connections = 0
    let heads = 0
    let different = 0
    while (performance.now() < until && !run.signal.aborted && exits === 0) {
      run.options.progress(`  seed ${seed}`)
      const compared = compareHeads(randomHeads(seed), HEADS)
      for (const each of compared.different) run.options.progress(`  read differently: ${each}`)
      heads += HEADS
      different += compared.different.length
      connections += await fuzzListeners(targets, seed++, ROUND)
      if (exits === 0) await cluster.hubWatch.sample()
    }
    const errors = readFileSync(`${dataDir}.log`, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"level":"error"')).length
    const none = { unit: '', limit: { kind: 'most', value: 0 } } as const
    return {
      growths: exits === 0 ? cluster.hubWatch.growths() : [],
      figures: [
        { what: 'connections', value: connections, unit: '', limit: { kind: 'least', value: ROUND } },
        {
          what: 'request heads compared with llhttp',
          value: heads,
          unit: '',
          limit: { kind: 'least', value: HEADS },
        },
        { what: 'heads read differently', value: different, ...none },
        { what: 'exits of the hub', value: exits, ...none },
        { what: 'errors in its log', value: errors, ...none },
      ],
    }
  },
}
