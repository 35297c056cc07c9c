import { withDeadline } from './deadline.ts'
import { messageOf } from './error.ts'
import type { Log } from './log.ts'

/** A running part that can finish its work in progress. */
export interface Drainable {
  drain(): Promise<void>
}

export interface Lifetime<T extends Drainable> {
  /** Opens everything. Rejects with the reason after closing what was opened. */
  start(): Promise<void>
  /** Drains, then closes in reverse order. Safe without `start`, during `start` (it waits 10 s for it), and twice. */
  stop(): Promise<void>
  readonly opened: T | null
}

/** How long `stop` waits for a start in progress, in milliseconds. */
const START_WAIT_MS = 10_000
/** How long one closer may take, in milliseconds. */
const CLOSE_MS = 30_000

/** Opens once and closes once, in any order of calls. `open` registers a closer for everything that it opens. */
export function createLifetime<T extends Drainable>(
  open: (onClose: (closer: () => unknown) => void) => Promise<T>,
  log: Log,
  startWaitMs = START_WAIT_MS,
): Lifetime<T> {
  const closers = new AsyncDisposableStack()
  let opened: T | null = null
  let starting: Promise<void> | undefined
  let stopping: Promise<void> | undefined

  function onClose(closer: () => unknown): void {
    const close = async () => {
      await withDeadline(async () => closer(), CLOSE_MS).catch((error) =>
        log.error({ error: messageOf(error) }, 'a part did not close cleanly'),
      )
    }
    // A start that continues after `stop` still opens things.
    if (closers.disposed) void close()
    else closers.defer(close)
  }
  async function start(): Promise<void> {
    try {
      opened = await open(onClose)
    } catch (error) {
      await closers.disposeAsync()
      throw error
    }
  }
  async function stop(): Promise<void> {
    const started = starting?.catch(() => {}) ?? Promise.resolve()
    await withDeadline(() => started, startWaitMs).catch(() =>
      log.error({ waitedMs: startWaitMs }, 'start-up timed out; closing what was opened'),
    )
    await opened?.drain()
    await closers.disposeAsync()
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
