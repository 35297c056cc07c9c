/**
 * Runs the same work for many callers, one run at a time. The work starts at once; whoever calls while it runs shares one run
 * that starts after it, because the run under way may have begun too early to see what the caller wants seen. Rejects if
 * that run does.
 */
export function createSharedRun<T>(work: () => Promise<T>): {
  run(): Promise<T>
  /** Resolves once what runs and what follows it is over. */
  settled(): Promise<unknown>
} {
  let current: Promise<T> | null = null
  let next: Promise<T> | null = null

  function run(): Promise<T> {
    if (!current) {
      current = work().finally(() => {
        current = null
      })
      return current
    }
    next ??= current
      .catch(() => {})
      .then(() => {
        next = null
        return run()
      })
    return next
  }

  return { run, settled: () => Promise.allSettled([current, next]) }
}
