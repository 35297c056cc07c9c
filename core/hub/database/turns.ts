import { MezError } from '../../kernel/error.ts'

/**
 * Lets one at a time pass, in order. At most `waiting` wait, each at most `waitMs`; others are refused with
 * `MEZ_DATABASE_UNAVAILABLE`. Without it every waiting change would hold a connection, and none would be left to read.
 */
export function createTurns({ waiting, waitMs }: { waiting: number; waitMs: number }) {
  const queue: (() => void)[] = []
  let taken = false

  const refuse = (why: string) => new MezError('MEZ_DATABASE_UNAVAILABLE', `the change was not made: ${why}`)

  /** Resolves with the function that passes the turn on. */
  return async function take(): Promise<() => void> {
    if (taken) {
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
    }
    taken = true
    return () => {
      const next = queue.shift()
      if (next) next()
      else taken = false
    }
  }
}
