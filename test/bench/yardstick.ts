import { createHash } from 'node:crypto'
import { median } from './statistics.ts'

const PIECES = 3
const BLOCK = Buffer.alloc(64 * 1024, 'yardstick')
const DOCUMENT = JSON.stringify(
  Array.from({ length: 200 }, (_, at) => ({ at, name: `entry ${at}`, even: at % 2 === 0 })),
)
/** A machine on which the work takes this many times as long as usual tells nothing about those who are measured. */
const SLOWER = 1.1

/**
 * Milliseconds that a fixed piece of work takes now on one processor: hashing and parsing, as in a proxy. The best of three,
 * because an interruption of one is no slower machine.
 */
export function fixedWorkMs(): number {
  return Math.min(...Array.from({ length: PIECES }, onePiece))
}

function onePiece(): number {
  const begun = performance.now()
  for (let round = 0; round < 40; round++) {
    createHash('sha256').update(BLOCK).digest()
    JSON.stringify(JSON.parse(DOCUMENT))
  }
  return performance.now() - begun
}

/** The first pieces say what is usual. */
const CALIBRATION = 5
/** A machine that does not become as fast as usual within so many pauses is measured as it is. */
const MOST_PAUSES = 30

/** What the fixed piece of work takes while a row is measured. */
export class Yardstick {
  /** All times in milliseconds. */
  readonly times: number[] = []
  readonly #workMs: () => number
  readonly #pauseMs: number

  constructor(workMs: () => number = fixedWorkMs, pauseMs = 100) {
    this.#workMs = workMs
    this.#pauseMs = pauseMs
  }

  calibrate(): void {
    this.#workMs()
    for (let left = CALIBRATION; left > 0; left--) this.take()
  }

  take(): number {
    const ms = this.#workMs()
    this.times.push(ms)
    return ms
  }

  /** Waits while the machine is slower than usual. Resolves to the last time, in milliseconds. */
  async settled(): Promise<number> {
    let ms = this.#workMs()
    for (let left = MOST_PAUSES; left > 0 && this.slowness([ms]) !== null; left--) {
      await new Promise((resolve) => setTimeout(resolve, this.#pauseMs))
      ms = this.#workMs()
    }
    this.times.push(ms)
    return ms
  }

  /** Why a measurement beside which the work took these times is void; null: it is not. */
  slowness(times: readonly number[]): string | null {
    const share = Math.max(...times) / median(this.times)
    return share <= SLOWER ? null : `the machine was slower by ${Math.round((share - 1) * 100)} %`
  }
}
