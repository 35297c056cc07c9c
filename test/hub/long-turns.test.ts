// needs: PostgreSQL
/** Every route of the API at 5,000 people, 1,000 apps and 200,000 events: none of them may keep the hub from its other work. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { processorSlowness } from '../processor-speed.ts'
import { ownPostgresStore } from '../state/database/postgres-stores.ts'

/** Processor time that one turn of the event loop may take, in milliseconds. */
const LONGEST_MS = 20
const FILE = join(import.meta.dirname, 'ask-every-route.ts')

interface Measured {
  readonly route: string
  /** Processor time of the longest turn, in the best of some calls. */
  readonly ms: number
  readonly status: number
}

t.test(
  'no route of the API keeps the loop for more than 20 ms at 5,000 people, 1,000 apps and 200,000 events',
  async (t) => {
    const store = await ownPostgresStore()
    t.teardown(() => store.close())
    const database = JSON.stringify(await store.config())
    const child = spawn(process.execPath, [...process.execArgv, FILE, database], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    const exited = once(child, 'exit')
    let routes = 0
    for await (const line of createInterface(child.stdout)) {
      const { route, ms, status } = JSON.parse(line) as Measured
      routes += 1
      // The processor is slower while others use its caches, so it is measured when that matters.
      const short = ms <= LONGEST_MS || ms <= LONGEST_MS * processorSlowness()
      t.ok(short && status < 500, `${route}: ${ms.toFixed(1)} ms of processor time at once, status ${status}`)
    }
    t.strictSame(await exited, [0, null])
    t.ok(routes > 120, `${routes} routes`)
  },
)
