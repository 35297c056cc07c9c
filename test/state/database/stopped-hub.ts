import { until } from '../../until.ts'
import { changesOf, open } from './stores.ts'

/** Run by outage.test.ts, which stops this process: prints what the first decision after a gap would be. */
const database = await open({ driver: 'postgres', url: process.env.TEST_DATABASE_URL ?? '' })
const revisions = changesOf(database)
await revisions.start()
let last = performance.now()
const decided = new Promise<boolean>((resolve) => {
  const timer = setInterval(() => {
    const fresh = revisions.fresh()
    const now = performance.now()
    if (now - last > 3_000) {
      clearInterval(timer)
      resolve(fresh)
    }
    last = now
  }, 5)
})
process.stdout.write('fresh\n')
process.stdout.write(`first decision after a gap: ${(await decided) ? 'fresh' : 'stale'}\n`)
await until(() => revisions.fresh(), 'fresh again')
process.stdout.write('fresh again\n')
await revisions.stop()
await database.close()
