import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { Clock } from '../../kernel/clock.ts'
import { addressKey } from '../limits/address-key.ts'
import { createConcurrencyQuota } from '../limits/concurrency-quota.ts'
import { createRateLimit } from '../limits/rate-limit.ts'

/** The places that one connection takes up. Each call once. */
export interface Place {
  /** Its handshake is over, however. */
  secured(): void
  /** It is closed. */
  left(): void
}

/** What one client address may hold of the public port, so that a flood shuts out nobody but its sender. */
export interface AddressGate {
  /** Null: the address holds, or has just opened, too many connections. */
  enter(address: string): Place | null
}

export function createAddressGate(limits: ProxyLimits, clock: Clock): AddressGate {
  const connections = createConcurrencyQuota()
  const handshakes = createConcurrencyQuota()
  const arrivals = createRateLimit(clock)
  return {
    enter(address) {
      const key = addressKey(address)
      if (!arrivals.take(key, limits.connectionsPerAddressPerMinute)) return null
      if (!connections.take(key, limits.connectionsPerAddress)) return null
      if (!handshakes.take(key, limits.handshakesPerAddress)) {
        connections.give(key)
        return null
      }
      return { secured: () => handshakes.give(key), left: () => connections.give(key) }
    },
  }
}
