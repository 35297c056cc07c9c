/** Long enough for a machine that is busy with other work: a test that reaches it has found a defect. */
const DEADLINE_MS = 180_000
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 150

/**
 * Polls until the condition holds; rejects after the deadline. Resolves to the milliseconds that it took, which are up to a
 * tenth too many: the pauses grow, because polling takes processor time from what the test waits for.
 */
export async function until(
  holds: () => Promise<boolean> | boolean,
  what: string,
  deadlineMs: number = DEADLINE_MS,
): Promise<number> {
  const started = performance.now()
  while (!(await holds())) {
    if (performance.now() - started > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    const pauseMs = Math.min(Math.max((performance.now() - started) / 10, FIRST_PAUSE_MS), LONGEST_PAUSE_MS)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  return performance.now() - started
}
