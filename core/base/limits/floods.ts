import type { Clock } from '../../kernel/clock.ts'
import { addressKey } from './address-key.ts'

/** How long the next connections of a client wait that has just sent a flood, in milliseconds. */
const WAIT_MS = 3_000
const MOST_ADDRESSES = 10_000

/**
 * The addresses that have just sent a flood. Each costs the hub some ten milliseconds until it is noticed, in which others wait, so a
 * client that came back at once with the next one would stall the hub as one endless flood does.
 */
export function createFloods(clock: Pick<Clock, 'monotonic'>) {
  /** When each may connect again, oldest first. */
  const until = new Map<string, number>()
  return {
    add(address: string): void {
      const key = addressKey(address)
      until.delete(key)
      until.set(key, clock.monotonic() + WAIT_MS)
      const [oldest] = until.keys()
      if (until.size > MOST_ADDRESSES && oldest !== undefined) until.delete(oldest)
    },
    /** How long a new connection of the address waits before it is served, in milliseconds. */
    waitOf(address: string): number {
      const end = until.get(addressKey(address))
      return end === undefined ? 0 : Math.max(0, end - clock.monotonic())
    },
  }
}
