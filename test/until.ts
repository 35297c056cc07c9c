const DEADLINE_MS = 20_000

/** Asks again and again until it holds; rejects when it does not in time. */
export async function until(
  holds: () => Promise<boolean> | boolean,
  what: string,
  deadlineMs: number = DEADLINE_MS,
): Promise<void> {
  const deadline = Date.now() + deadlineMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
