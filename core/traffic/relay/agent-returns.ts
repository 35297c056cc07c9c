/** How long requests wait for an agent whose relayed link broke; as for a link of this hub. */
const RETURN_MS = 3_000

/** Waits for agents whose last relayed link has just broken. */
export function awaitReturns() {
  /** The newest loss of each. */
  const lost = new Map<string, object>()
  const waiting = new Set<(hostname: string) => void>()
  return {
    lost(hostname: string): void {
      const loss = {}
      lost.set(hostname, loss)
      setTimeout(() => {
        if (lost.get(hostname) === loss) lost.delete(hostname)
      }, RETURN_MS).unref()
    },
    back(hostname: string): void {
      lost.delete(hostname)
      for (const heard of [...waiting]) heard(hostname)
    },
    of(hostnames: readonly string[]): Promise<boolean> {
      const expected = hostnames.filter((hostname) => lost.has(hostname))
      if (expected.length === 0) return Promise.resolve(false)
      const { promise, resolve } = Promise.withResolvers<boolean>()
      const heard = (hostname: string): void => {
        if (expected.includes(hostname)) resolve(true)
      }
      waiting.add(heard)
      const deadline = setTimeout(resolve, RETURN_MS, false)
      return promise.finally(() => {
        clearTimeout(deadline)
        waiting.delete(heard)
      })
    },
  }
}
