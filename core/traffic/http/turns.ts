/** Small, because others wait for all of them; the bytes of one read may hold a thousand requests. */
const PER_TURN = 2

/**
 * Serves the requests of one connection in order, and few of them in each turn of the event loop: the requests of everybody else
 * wait until this thread has served what it was given in one turn.
 */
export class Turns {
  readonly #waiting: (() => unknown)[] = []
  #served = 0

  /** `serve` must not throw. It may be called much later, when the request is gone. */
  run(serve: () => unknown): void {
    if (this.#served === PER_TURN) return void this.#waiting.push(serve)
    if (this.#served === 0) setImmediate(this.#next)
    this.#served += 1
    serve()
  }

  readonly #next = (): void => {
    const now = this.#waiting.splice(0, PER_TURN)
    this.#served = now.length
    if (now.length > 0) setImmediate(this.#next)
    for (const serve of now) serve()
  }
}
