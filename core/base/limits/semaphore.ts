export interface TurnOptions {
  /** How many may run at the same time. */
  readonly atOnce: number
  /** How many more may wait, in order; others are rejected. */
  readonly waiting: number
  /** The longest wait, in milliseconds. */
  readonly waitMs: number
  /** Creates the error for a rejected caller. */
  readonly refuse: (why: string) => Error
}

/**
 * Limits how many callers run and wait at the same time. Otherwise every waiting caller would hold a database connection,
 * and none would be left for others. The returned function resolves with the function that ends a turn.
 */
export function createSemaphore({ atOnce, waiting, waitMs, refuse }: TurnOptions): () => Promise<() => void> {
  const queue: (() => void)[] = []
  let taken = 0

  const pass = (): void => {
    const next = queue.shift()
    if (next) next()
    else taken -= 1
  }

  return async function take() {
    if (taken < atOnce) {
      taken += 1
      return pass
    }
    if (queue.length >= waiting) throw refuse('too many others are waiting')
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(turn), 1)
        reject(refuse(`timed out after ${waitMs / 1_000} s waiting for others to finish`))
      }, waitMs)
      const turn = () => {
        clearTimeout(timer)
        resolve()
      }
      queue.push(turn)
    })
    return pass
  }
}
