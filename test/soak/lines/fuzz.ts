import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../core/kernel/clock.ts'
import { proveJoin } from '../../../core/wire/carrier-proof.ts'
import { fuzzCarriers } from '../../agent/hostile-hub.ts'
import { fuzzListeners } from '../../e2e/fuzz-listeners.ts'
import { fuzzStrangers } from '../../e2e/fuzz-strangers.ts'
import { joinToken } from '../../e2e/start-agent.ts'
import { startStopwatch } from '../../stopwatch.ts'
import type { Outcome, SoakRun } from '../line.ts'
import { startOneHub, unlimited } from '../start-one-hub.ts'

const ROUND = 1_000
const ANSWER_MS = 5_000
/** A token lives for less than an hour. */
const ROUNDS_A_TOKEN = 20

export const fuzz = {
  name: 'fuzz',
  summary:
    'R190: every path that a stranger can reach, both carriers behind a proof, and capsules to an agent, for an hour or --minutes',
  minutes: 60,
  async run(run: SoakRun): Promise<Outcome> {
    const { publicPort, diagnosticsPort, hub, site, appHost, liveUrl, signIn, hubWatch } = await startOneHub(
      run,
      { 'authorization-server': { enabled: true, registration: true } },
      // A refusal for the number of calls would keep most bytes from what parses them.
      { env: unlimited },
    )
    const worker = await signIn('worker')
    const dataDir = join(site.dir, hub.name)
    const host = 'hub.mezite.localhost'
    const targets = {
      publicPort,
      diagnosticsPort,
      adminSocket: join(dataDir, 'admin.sock'),
      hosts: [host, appHost, 'elsewhere.example'],
    }
    let exits = 0
    void hub.program.exited.then(() => {
      exits += 1
    })
    const until = performance.now() + run.options.minutes * 60_000
    let seed = Date.now() % 1_000_000
    let connections = 0
    let sent = 0
    let slowest = 0
    let prove = null as ReturnType<typeof proveJoin> | null
    for (let round = 0; performance.now() < until && !run.signal.aborted && exits === 0; round++) {
      run.options.progress(`  seed ${seed}`)
      if (round % ROUNDS_A_TOKEN === 0)
        prove = proveJoin((await joinToken(hub.api, `fuzz-${round}`)).token, systemClock)
      const [capsules, listeners, strangers] = await Promise.all([
        // In this process: an error that nothing catches ends the line.
        fuzzCarriers(seed, ROUND),
        fuzzListeners(targets, seed, ROUND),
        fuzzStrangers({ port: publicPort, host, appHost, prove }, seed++, ROUND),
      ])
      connections += listeners + strangers
      sent += capsules
      if (exits > 0) break
      const watch = startStopwatch()
      const { status } = await worker.fetch(`${liveUrl}/download?bytes=1`, { timeoutMs: 10 * ANSWER_MS })
      if (status !== 200) throw new Error(`after seed ${seed - 1} a person at work gets ${status}`)
      slowest = Math.max(slowest, watch.took())
      await hubWatch.sample()
    }
    const errors = readFileSync(`${dataDir}.log`, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"level":"error"'))
    for (const line of errors.slice(0, 20)) run.options.progress(`  ${line}`)
    const none = { unit: '', limit: { kind: 'most', value: 0 } } as const
    return {
      growths: exits === 0 ? hubWatch.growths() : [],
      figures: [
        { what: 'connections', value: connections, unit: '', limit: { kind: 'least', value: ROUND } },
        { what: 'capsules to an agent', value: sent, unit: '', limit: { kind: 'least', value: ROUND } },
        {
          what: 'slowest answer to a person at work, after a round',
          value: slowest,
          unit: 'ms',
          limit: { kind: 'most', value: ANSWER_MS },
        },
        { what: 'exits of the hub', value: exits, ...none },
        { what: 'errors in its log', value: errors.length, ...none },
      ],
    }
  },
}
