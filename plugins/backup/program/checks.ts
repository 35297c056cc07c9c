import { type Database, MezError } from '@mezite/core'
import type { OfflineCluster } from '@mezite/core/program'
import { createProgress } from '../progress.ts'

/** Runs the checks on a copy; resolves to a line for each. Throws `MEZ_COPY_INCOMPLETE` at the first fault. */
export async function runChecks(checks: OfflineCluster['checks'], copy: Database): Promise<string> {
  let report = ''
  for (const check of checks) {
    const progress = createProgress(`Verifying ${check.title},`, 0)
    let rows = 0
    try {
      for (const reading = check.run(copy); ; ) {
        const { value, done } = await reading.next()
        if (done) {
          if (value !== null) throw new MezError('MEZ_COPY_INCOMPLETE', `${check.title}: ${value}`)
          break
        }
        progress.add('so far', value - rows)
        rows = value
      }
    } finally {
      progress.end()
    }
    report += `Verified ${check.title}.\n`
  }
  return report
}
