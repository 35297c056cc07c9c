const LOOK_MS = 1_000
/** Longer than a busy machine lets a timer wait. */
const STILL_MS = 2_000

/**
 * Calls `onWake` after this machine slept or this process stood still for more than two seconds: timers stand still too,
 * so only the clock on the wall tells. Returns what ends it.
 */
export function watchWake(onWake: () => void): () => void {
  let seen = Date.now()
  const timer = setInterval(() => {
    const now = Date.now()
    const still = now - seen > LOOK_MS + STILL_MS
    seen = now
    if (still) onWake()
  }, LOOK_MS)
  return () => clearInterval(timer)
}
