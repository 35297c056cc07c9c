import type { Job } from '../../api/jobs.ts'
import { MezError } from '../../kernel/error.ts'
import { setupTurn } from '../../kernel/setup-turn.ts'

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/
const DAY_MS = 24 * 3_600_000

/** Throws `MEZ_PART_INVALID` unless a plugin may add this job now; see `Jobs.add`. */
export function checkJob(job: Job, isTaken: (name: string) => boolean): void {
  const { name, everyMs, jitterMs = 0, deadlineMs = 1, run } = job
  const plugin = setupTurn()?.plugin
  const isIts = name === plugin || String(name).startsWith(`${plugin}-`)
  const faults: readonly (readonly [fits: boolean, fault: string])[] = [
    [plugin !== undefined, 'add jobs in setup()'],
    [NAME.test(name), 'the name must be at most 63 small letters, digits and hyphens'],
    [
      isIts,
      `the name must be "${plugin}", or begin with "${plugin}-": it is a job of the plugin '${plugin}'`,
    ],
    [!isTaken(name), `the plugin '${plugin}' adds it twice`],
    [everyMs >= 1_000 && everyMs <= 30 * DAY_MS, '`everyMs` must be a second to 30 days, in milliseconds'],
    [jitterMs >= 0 && jitterMs <= everyMs, '`jitterMs` must be 0 to `everyMs`'],
    [deadlineMs > 0, '`deadlineMs` must be above 0'],
    [typeof run === 'function', '`run` must be a function'],
  ]
  const [, fault] = faults.find(([fits]) => !fits) ?? []
  if (fault !== undefined) throw new MezError('MEZ_PART_INVALID', `job "${name}": ${fault}`)
}
