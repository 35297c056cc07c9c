import { messageOf } from '../kernel/error.ts'
import type { Log } from '../kernel/log.ts'

/** What is open and can be told to finish what is under way. */
export interface Drainable {
  drain(): Promise<void>
}

export interface Lifetime<T extends Drainable> {
  /** Opens everything; rejects with the reason, all that was opened closed again. */
  start(): Promise<void>
  /** Drains, then closes in reverse order. Safe without `start`, while it runs, and twice. */
  stop(): Promise<void>
  readonly opened: T | null
}

/** Opens once and closes once, whatever comes in between. `open` says at each step how to undo it. */
export function createLifetime<T extends Drainable>(
  open: (onClose: (closer: () => unknown) => void) => Promise<T>,
  log: Log,
): Lifetime<T> {
  /** What is open, in the order in which it was opened. */
  const closers: (() => unknown)[] = []
  let opened: T | null = null
  let starting: Promise<void> | undefined
  let stopping: Promise<void> | undefined

  async function close(): Promise<void> {
    for (const closer of closers.splice(0).reverse()) {
      try {
        await closer()
      } catch (error) {
        log.error({ error: messageOf(error) }, 'a part did not close cleanly')
      }
    }
  }
  async function start(): Promise<void> {
    try {
      opened = await open((closer) => closers.push(closer))
    } catch (error) {
      await close()
      throw error
    }
  }
  async function stop(): Promise<void> {
    await starting?.catch(() => {})
    await opened?.drain()
    await close()
  }
  return {
    start: () => {
      starting ??= start()
      return starting
    },
    stop: () => {
      stopping ??= stop()
      return stopping
    },
    get opened() {
      return opened
    },
  }
}
