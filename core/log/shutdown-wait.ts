import { messageOf } from '../kernel/error.ts'
import type { Log } from '../kernel/log.ts'

/** Something that ends by itself, and what it is called in the log. */
export interface Ending {
  readonly name: string
  readonly ended: Promise<unknown>
}

/** Waits until all have ended, at most `deadlineMs`; says which have failed, and which have not ended then. Never rejects. */
export async function waitForAll(all: readonly Ending[], deadlineMs: number, log: Log): Promise<void> {
  const open = new Set(all)
  const each = all.map(async (one) => {
    await one.ended.catch((error: unknown) =>
      log.error({ part: one.name, error: messageOf(error) }, 'this did not end cleanly'),
    )
    open.delete(one)
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs)
  })
  await Promise.race([Promise.all(each), late])
  clearTimeout(timer)
  if (open.size > 0)
    log.error(
      { parts: [...open].map(({ name }) => name), waitedMs: deadlineMs },
      'this has not ended in time',
    )
}
