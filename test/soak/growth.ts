import { median } from '../bench/statistics.ts'

export interface Sample {
  readonly atMs: number
  readonly value: number
}

/** What may change without being called growth, over the whole time that counts. */
export interface Tolerance {
  /** In the unit of the values. */
  readonly absolute: number
  /** Of the first value that counts. */
  readonly share: number
}

export interface Growth {
  readonly what: string
  readonly unit: string
  readonly start: number
  readonly end: number
  /** In the unit a minute; NaN with fewer than three samples. */
  readonly slopePerMinute: number
  readonly verdict: 'flat' | 'growing'
}

/** Caches fill and code is compiled in the first part of a run. */
const WARM_UP_SHARE = 0.25

/**
 * Whether samples grow: the median of the slopes between all pairs (Theil and Sen), which one outlier does not move,
 * times the time that counts, against the tolerance. The first quarter is warm-up and does not count.
 */
export function growthOf(
  what: string,
  unit: string,
  samples: readonly Sample[],
  tolerance: Tolerance,
): Growth {
  const counted = samples.slice(Math.floor(samples.length * WARM_UP_SHARE))
  const slopes = counted.flatMap((later, at) =>
    counted.slice(0, at).map((earlier) => (later.value - earlier.value) / (later.atMs - earlier.atMs)),
  )
  const [first, last] = [counted[0], counted.at(-1)]
  if (!first || !last || counted.length < 3) {
    const [start, end] = [samples[0]?.value ?? Number.NaN, samples.at(-1)?.value ?? Number.NaN]
    return { ...{ what, unit, start, end, slopePerMinute: Number.NaN }, verdict: 'flat' }
  }
  const slope = median(slopes)
  const grown = slope * (last.atMs - first.atMs)
  const allowed = tolerance.absolute + tolerance.share * first.value
  return {
    what,
    unit,
    start: first.value,
    end: last.value,
    slopePerMinute: slope * 60_000,
    verdict: grown > allowed ? 'growing' : 'flat',
  }
}
