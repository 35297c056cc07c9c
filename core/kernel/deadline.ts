/** What `work` comes to, also what it throws at once, or an error that says `no end within …`. `work` itself goes on. */
export async function withDeadline<T>(work: () => Promise<T>, deadlineMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    const ms = Math.max(0, Math.round(deadlineMs))
    timer = setTimeout(() => reject(new Error(`no end within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}
