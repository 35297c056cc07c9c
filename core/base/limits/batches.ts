import { AsyncLocalStorage } from 'node:async_hooks'

/** For what everybody does when work begins: ten thousand may wait, for at most 10 s. */
export const untilServed = { atOnce: 2, most: 100, waiting: 10_000, waitMs: 10_000 }

export interface BatchOptions<Item, Result> {
  /** How many batches may run at the same time. */
  readonly atOnce: number
  /** The most items of one batch. */
  readonly most: number
  /** How many items may wait; more are refused at once. */
  readonly waiting: number
  /** The longest wait for a turn, in milliseconds. */
  readonly waitMs: number
  /** Creates the error for an item that is refused. */
  readonly refuse: () => Error
  /** Returns one result for each item. If it rejects, it has had no effect. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
}

/** PostgreSQL's classes of errors in what is written (invalid data, violated constraint), which may be in one item only. */
const OF_ONE_ITEM = /^2[23][0-9A-Z]{3}$/

/** An item that waits for its turn. */
interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
  readonly timer: NodeJS.Timeout
}

/**
 * Does the work of many callers together: an item starts at once while a place is free, and those that arrive while all
 * places are taken share the next batch. If a batch fails because of what it writes, each of its items is tried alone, so
 * that none fails because of another one.
 */
export function createBatches<Item, Result>(
  options: BatchOptions<Item, Result>,
): (item: Item) => Promise<Result> {
  const queue: Waiting<Item, Result>[] = []
  let running = 0

  async function runAll(items: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await options.run(items.map(({ item }) => item))
      for (const [at, { resolve }] of items.entries()) resolve(results[at]!)
    } catch (error) {
      const { code } = Object(error) as { code?: unknown }
      if (items.length > 1 && typeof code === 'string' && OF_ONE_ITEM.test(code))
        for (const one of items) await runAll([one])
      else for (const { reject } of items) reject(error)
    }
  }

  // A batch belongs to all of its callers, so it does not run in the async context of the first one.
  const start = AsyncLocalStorage.bind((): void => {
    while (running < options.atOnce && queue.length > 0) {
      const items = queue.splice(0, options.most)
      for (const { timer } of items) clearTimeout(timer)
      running += 1
      void runAll(items).finally(() => {
        running -= 1
        start()
      })
    }
  })

  return (item) =>
    new Promise<Result>((resolve, reject) => {
      if (queue.length >= options.waiting) return reject(options.refuse())
      const timer = setTimeout(() => {
        const at = queue.indexOf(waiting)
        if (at >= 0) queue.splice(at, 1)
        reject(options.refuse())
      }, options.waitMs)
      const waiting = { item, resolve, reject, timer }
      queue.push(waiting)
      start()
    })
}
