/** Choices that a seed decides (mulberry32), so that a search can be made again. */
export class Draw {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  below = (n: number): number => Math.floor(this.next() * n)
  chance = (share: number): boolean => this.next() < share

  one<T>(list: readonly T[]): T {
    const chosen = list[this.below(list.length)]
    if (chosen === undefined) throw new Error('nothing to choose from')
    return chosen
  }

  /** From `least` to `most` different ones. */
  some<T>(list: readonly T[], least: number, most: number): T[] {
    const left = [...list]
    const size = Math.min(least + this.below(most - least + 1), left.length)
    return Array.from({ length: size }, () => left.splice(this.below(left.length), 1)[0] as T)
  }
}
