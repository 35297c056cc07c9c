export interface TurnOptions {
  /** So many pass at the same time. */
  readonly atOnce: number
  /** So many more wait, in order; others are refused. */
  readonly waiting: number
  /** None of them waits longer. */
  readonly waitMs: number
  /** Makes the error of who is refused. */
  readonly refuse: (why: string) => Error
}

/**
 * Lets few pass at the same time, and few wait. Without it everybody who waits would hold a connection of the database, and
 * none would be left for others. Resolves with the function that passes the turn on.
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
    if (queue.length >= waiting) throw refuse('too many wait')
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(turn), 1)
        reject(refuse(`its turn did not come within ${waitMs} ms`))
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
