import { setTimeout as pause } from 'node:timers/promises'

/** The longest pause between two attempts while a local connection waits. */
const WAITING_RETRY_MS = 500

/** Lets local connections wait for the hub, and the attempts to reach it know that they do. */
export class HubArrival {
  #arrival = Promise.withResolvers<void>()
  #demand = Promise.withResolvers<void>()
  #waiting = 0

  /** The hub is connected. */
  arrived(): void {
    this.#arrival.resolve()
  }

  /** The hub is lost. */
  left(): void {
    this.#arrival = Promise.withResolvers()
  }

  /** Resolves when the hub is connected, at the latest after `ms`. */
  async wait(ms: number): Promise<void> {
    const timer = new AbortController()
    const late = pause(ms, undefined, { signal: timer.signal }).catch(() => {})
    this.#waiting += 1
    this.#demand.resolve()
    await Promise.race([this.#arrival.promise, late])
    timer.abort()
    this.#waiting -= 1
    if (this.#waiting === 0) this.#demand = Promise.withResolvers()
  }

  /** Pauses for a random time below `longestMs`; a waiting local connection cuts it short. Rejects when `stopped` aborts. */
  async backOff(longestMs: number, stopped: AbortSignal): Promise<void> {
    const ms = Math.random() * longestMs
    const least = Math.min(ms, Math.random() * WAITING_RETRY_MS)
    await pause(least, undefined, { signal: stopped })
    const over = new AbortController()
    const signal = AbortSignal.any([stopped, over.signal])
    await Promise.race([pause(ms - least, undefined, { signal }).catch(() => {}), this.#demand.promise])
    over.abort()
    stopped.throwIfAborted()
  }
}
