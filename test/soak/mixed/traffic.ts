/** Something that a person or an operator does again and again. */
export interface Habit {
  readonly name: string
  /** How many do it at once. */
  readonly workers: number
  /** Between two times, in milliseconds. */
  readonly pauseMs: number
  /** Once. Throws `Wrong` for what no failure of a part explains, anything else for being refused or cut. */
  act(): Promise<void>
}

/** An answer that must never be, whatever is broken: other bytes than were sent, another status. */
export class Wrong extends Error {}

export interface Count {
  ok: number
  /** Refused or cut while something was broken, or had been a moment ago. */
  refused: number
  /** Refused or cut while nothing was broken. */
  unexplained: number
  wrong: number
}

/** How long a failure that is mended may still be felt, in milliseconds: what was under way, idle connections. */
const AFTER_EFFECT_MS = 3_000

/** Whatever is done has deadlines of its own; what outlives them all hangs. */
const LONGEST_MS = 120_000

/** Runs habits until told to stop, and counts how they go. */
export class Traffic {
  readonly counts = new Map<string, Count>()
  readonly #tell: (text: string) => void
  readonly #workers: Promise<void>[] = []
  #gate: PromiseWithResolvers<void> | null = null
  #over = false
  #busy = 0
  #broken = false
  #mendedAtMs = Number.NEGATIVE_INFINITY

  /** `tell` gets what should not have happened. */
  constructor(tell: (text: string) => void) {
    this.#tell = tell
  }

  begin(habits: readonly Habit[]): void {
    for (const habit of habits) {
      this.counts.set(habit.name, { ok: 0, refused: 0, unexplained: 0, wrong: 0 })
      for (let worker = 0; worker < habit.workers; worker++) this.#workers.push(this.#work(habit))
    }
  }

  /** While a part is broken, being refused is no surprise. */
  broken(): void {
    this.#broken = true
  }

  mended(): void {
    this.#broken = false
    this.#mendedAtMs = performance.now()
  }

  /** Lets nothing new begin; resolves when nothing is under way. */
  async pause(): Promise<void> {
    this.#gate ??= Promise.withResolvers<void>()
    while (this.#busy > 0) await new Promise((resolve) => setTimeout(resolve, 50))
  }

  resume(): void {
    this.#gate?.resolve()
    this.#gate = null
  }

  async end(): Promise<void> {
    this.#over = true
    this.resume()
    await Promise.all(this.#workers)
  }

  async #work({ name, pauseMs, act }: Habit): Promise<void> {
    const count = this.counts.get(name) as Count
    while (!this.#over) {
      await this.#gate?.promise
      if (this.#over) return
      this.#busy++
      const begunAtMs = performance.now()
      const excused = () => this.#broken || begunAtMs < this.#mendedAtMs + AFTER_EFFECT_MS
      const excusedAtFirst = excused()
      try {
        await inTime(act())
        count.ok++
      } catch (error) {
        if (error instanceof Wrong) count.wrong++
        else if (excusedAtFirst || excused()) count.refused++
        else count.unexplained++
        if (error instanceof Wrong || !(excusedAtFirst || excused())) {
          this.#tell(`  ${name}: ${(error as Error).message}`)
        }
      } finally {
        this.#busy--
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}

async function inTime(acting: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Wrong(`no end within ${LONGEST_MS} ms`)), LONGEST_MS)
  })
  try {
    await Promise.race([acting, late])
  } finally {
    clearTimeout(timer)
  }
}
