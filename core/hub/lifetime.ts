import { messageOf } from '../kernel/error.ts'
import type { Log } from '../kernel/log.ts'

/** What is open and can be told to finish what is under way. */
export interface Drainable {
  drain(): Promise<void>
}

export interface Lifetime<T extends Drainable> {
  /** Opens everything; rejects with the reason, all that was opened closed again. */
  start(): Promise<void>
  /** Drains, then closes in reverse order. Safe without `start`, while it runs (it waits for that 10 s), and twice. */
  stop(): Promise<void>
  readonly opened: T | null
}

/** How long `stop` waits for a start that is under way, in milliseconds. */
const START_WAIT_MS = 10_000

/** Opens once and closes once, whatever comes in between. `open` says at each step how to undo it. */
export function createLifetime<T extends Drainable>(
  open: (onClose: (closer: () => unknown) => void) => Promise<T>,
  log: Log,
  startWaitMs = START_WAIT_MS,
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
    const started = starting?.catch(() => {}) ?? Promise.resolve()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), startWaitMs)
    })
    if (await Promise.race([started, late])) {
      log.error({ waitedMs: startWaitMs }, 'the start does not end; what is open is closed')
      // What it opens after all.
      void started.then(close)
    }
    clearTimeout(timer)
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
