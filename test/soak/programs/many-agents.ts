/**
 * Agents in one process, each with its own identity: told `{ proxy, pin, dir, joins: { hostname, token }[] }`, says how
 * many are connected whenever that changes, and `{ joined }` when all have been.
 */
import { join } from 'node:path'
import { createAgent } from '../../../agent/agent.ts'
import { memoryLog } from '../../../core/testing/index.ts'
import transport from '../../../plugins/transport-http2/agent.ts'

export interface ManyAgentsJob {
  readonly proxy: string
  readonly pin: string
  readonly dir: string
  readonly joins: readonly { readonly hostname: string; readonly token: string }[]
}

const AT_ONCE = 8

async function run({ proxy, pin, dir, joins }: ManyAgentsJob): Promise<void> {
  const { log } = memoryLog()
  const left = [...joins]
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next; next = left.pop()) {
      const { hostname, token } = next
      const agent = createAgent({
        proxyAddr: proxy,
        token,
        caPin: pin,
        hostname,
        dataDir: join(dir, hostname),
        log,
        plugins: [transport],
      })
      await agent.start()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  process.send?.({ joined: joins.length })
}

process.on('message', (job: ManyAgentsJob) => {
  run(job).catch((error: Error) => {
    process.stderr.write(`${error.stack}\n`)
    process.exit(1)
  })
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
