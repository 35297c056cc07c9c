/** A stream that moves this much within `BULK_MS` carries a bulk transfer: what is sent behind it waits. */
const BULK_BYTES = 1 << 20
const BULK_MS = 5_000
/** It carries one no longer when it moved less than this since the last sweep. */
const STILL_BYTES = 32 << 10
const SWEEP_MS = 2_000

/** The streams of one connection that now carry bulk transfers, in either direction. */
export class BulkStreams {
  readonly #streams = new Set<StreamMeter>()
  readonly #onBulk: () => void
  #timer: NodeJS.Timeout | undefined

  /** `onBulk` is called when a bulk transfer is found, and every 2 s while there is one. */
  constructor(onBulk: () => void) {
    this.#onBulk = onBulk
  }

  get size(): number {
    return this.#streams.size
  }

  /** The meter of a new stream. */
  meter(): StreamMeter {
    return new StreamMeter(this.#mark)
  }

  /** Call it when the connection has closed. */
  close(): void {
    clearInterval(this.#timer)
    this.#streams.clear()
  }

  readonly #mark = (meter: StreamMeter, bulk: boolean): void => {
    if (!bulk) return void this.#streams.delete(meter)
    this.#streams.add(meter)
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
    this.#onBulk()
  }

  #sweep(): void {
    for (const meter of this.#streams) meter.sweep()
    if (this.#streams.size > 0) return void this.#onBulk()
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** Finds out whether one stream carries a bulk transfer. */
export class StreamMeter {
  readonly #mark: (meter: StreamMeter, bulk: boolean) => void
  #bytes = 0
  #since = performance.now()
  #bulk = false

  constructor(mark: (meter: StreamMeter, bulk: boolean) => void) {
    this.#mark = mark
  }

  /** Call it for each chunk, of either direction. */
  moved(bytes: number): void {
    this.#bytes += bytes
    if (this.#bulk || this.#bytes < BULK_BYTES) return
    const now = performance.now()
    if (now - this.#since <= BULK_MS) {
      this.#bulk = true
      this.#mark(this, true)
      return
    }
    this.#since = now
    this.#bytes = 0
  }

  /** Call it when the stream has closed, or waits for its next use. */
  released(): void {
    this.#bytes = 0
    this.#since = performance.now()
    if (!this.#bulk) return
    this.#bulk = false
    this.#mark(this, false)
  }

  /** Called every 2 s while it carries a bulk transfer. */
  sweep(): void {
    if (this.#bytes < STILL_BYTES) this.released()
    else this.#bytes = 0
  }
}
