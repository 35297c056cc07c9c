import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { type Growth, growthOf, type Sample, type Tolerance } from './growth.ts'
import type { Held } from './probe.ts'

const MB = 1024 * 1024

/** What each figure may gain in a run before it counts as growth. */
const TOLERANCES = {
  'heap after collection': { unit: 'MB', absolute: 4, share: 0.05 },
  'buffers outside the heap': { unit: 'MB', absolute: 8, share: 0 },
  // The allocator keeps what it was given: memory that is resident follows the peak, not the need.
  'resident memory': { unit: 'MB', absolute: 16, share: 0.15 },
  descriptors: { unit: '', absolute: 6, share: 0 },
  handles: { unit: '', absolute: 6, share: 0 },
  streams: { unit: '', absolute: 0.5, share: 0 },
} as const satisfies Record<string, Tolerance & { unit: string }>

type What = keyof typeof TOLERANCES

/** Environment that makes a program of ours answer the watch; `dir` must be there and short. */
export const probeEnv = (dir: string): Record<string, string> => ({
  SOAK_PROBE_DIR: dir,
  NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import=${pathToFileURL(join(import.meta.dirname, 'probe.ts'))}`,
})

export interface WatchOptions {
  readonly name: string
  readonly pid: number
  /** What the process was given by `probeEnv`. */
  readonly dir: string
  /** How many it has open. */
  readonly streams: () => Promise<number>
}

/** Follows one process from sample to sample. It must be the same process all the time. */
export class Watch {
  readonly #series = new Map<What, Sample[]>()
  readonly #options: WatchOptions

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** Looks once; to be called when nothing is under way. */
  async sample(): Promise<void> {
    const { pid, dir, streams } = this.#options
    const descriptors = readdirSync(`/proc/${pid}/fd`).length
    const held = JSON.parse(await text(connect(join(dir, `${pid}.sock`)))) as Held
    const handles = Object.values(held.handles).reduce((sum, count) => sum + count, 0)
    const now: Record<What, number> = {
      'heap after collection': held.heap / MB,
      'buffers outside the heap': held.buffers / MB,
      'resident memory': held.resident / MB,
      descriptors,
      handles,
      streams: await streams(),
    }
    for (const [what, value] of Object.entries(now) as [What, number][]) {
      this.#series.set(what, [...(this.#series.get(what) ?? []), { atMs: performance.now(), value }])
    }
  }

  growths(): Growth[] {
    return [...this.#series].map(([what, samples]) =>
      growthOf(`${this.#options.name}: ${what}`, TOLERANCES[what].unit, samples, TOLERANCES[what]),
    )
  }
}
