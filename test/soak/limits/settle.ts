/** How long, in milliseconds, until `holds`; Infinity when it does not within `mostMs`. */
export async function settle(holds: () => boolean, mostMs: number, signal: AbortSignal): Promise<number> {
  const start = performance.now()
  while (!holds()) {
    if (performance.now() - start > mostMs || signal.aborted) return Number.POSITIVE_INFINITY
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return performance.now() - start
}
