/** How long requests wait for an agent whose connection broke. It usually dials again within a second. */
const RETURN_MS = 3_000

/** Agents whose connection has just broken: resolved when they return, rejected when they do not. */
export class ReturningAgents {
  readonly #lost = new Map<string, PromiseWithResolvers<true>>()

  /** The connection of the agent broke. */
  expect(hostname: string): void {
    if (this.#lost.has(hostname)) return
    const back = Promise.withResolvers<true>()
    back.promise.catch(() => {})
    this.#lost.set(hostname, back)
    setTimeout(() => {
      back.reject(new Error('not back in time'))
      if (this.#lost.get(hostname) === back) this.#lost.delete(hostname)
    }, RETURN_MS).unref()
  }

  returned(hostname: string): void {
    this.#lost.get(hostname)?.resolve(true)
    this.#lost.delete(hostname)
  }

  /** True once one of these agents returns; false if none is expected, or none returns in time. */
  of(hostnames: readonly string[]): Promise<boolean> {
    const expected = hostnames.flatMap((hostname) => this.#lost.get(hostname)?.promise ?? [])
    return Promise.any(expected).catch(() => false)
  }
}
