import { readFileSync } from 'node:fs'

/** How long something takes on a machine that may be busy. Times are those of `performance.now()`, in milliseconds. */
export interface Stopwatch {
  /** From the start of the watch to now, or to an earlier time, without what was lost. */
  took(until?: number): number
  /** Most of the time since the start in which a program of this machine waited for a processor. */
  lost(): number
}

/** What was tested ran meanwhile, too: a limit of 5 s is never more than 50 s. */
const MOST_LOST = 0.9

/** A limit of what such a watch shows holds on a machine that is busy or slow if it holds on a quiet one. */
export function startStopwatch(): Stopwatch {
  const began = performance.now()
  const stalled = stalledMs()
  const lostUntil = (until: number) => MOST_LOST * Math.min(Math.max(until - began, 0), stalledMs() - stalled)
  return {
    took: (until = performance.now()) => Math.round(until - began - lostUntil(until)),
    lost: () => lostUntil(performance.now()),
  }
}

/** Since the start of the machine (https://docs.kernel.org/accounting/psi.html); 0 where the kernel does not count. */
function stalledMs(): number {
  try {
    return Number(/^some .*total=(\d+)/m.exec(readFileSync('/proc/pressure/cpu', 'latin1'))?.[1] ?? 0) / 1_000
  } catch {
    return 0
  }
}
