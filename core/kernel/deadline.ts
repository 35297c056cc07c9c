/**
 * The result of `work`, or a rejection with `late()` after `deadlineMs` milliseconds. `work` itself continues; an error
 * that it throws synchronously becomes a rejection.
 */
export async function withDeadline<T>(
  work: () => PromiseLike<T>,
  deadlineMs: number,
  late = (ms: number) => new Error(`timed out after ${ms} ms`),
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_resolve, reject) => {
    const ms = Math.max(0, Math.round(deadlineMs))
    timer = setTimeout(() => reject(late(ms)), ms)
  })
  try {
    return await Promise.race([work(), expired])
  } finally {
    clearTimeout(timer)
  }
}
