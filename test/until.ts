/** Long enough for a machine that is busy with other work: who waits for it has found a defect. */
const DEADLINE_MS = 60_000
const AGAIN_MS = 10

/** Asks again and again until it holds; rejects when it does not in time. Resolves to the milliseconds that it took. */
export async function until(
  holds: () => Promise<boolean> | boolean,
  what: string,
  deadlineMs: number = DEADLINE_MS,
): Promise<number> {
  const started = performance.now()
  while (!(await holds())) {
    if (performance.now() - started > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
  return performance.now() - started
}
