import { readFileSync } from 'node:fs'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import { addressKey } from '../limits/address-key.ts'
import { createConcurrencyQuota } from '../limits/concurrency-quota.ts'
import { createRateLimit } from '../limits/rate-limit.ts'

/** What one connection counts as. Call each once. */
export interface Place {
  /** Its handshake is over, whatever its outcome. */
  secured(): void
  /** It is closed. */
  left(): void
}

/** How much of the public port one client address may use, so that a flood shuts out its sender alone. */
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

/** Descriptors for everything else: database, files, the admin socket and Node.js itself. */
const RESERVE = 128
/** With fewer the hub could not serve anybody. */
const LEAST = 64

/**
 * How many connections may be open, given the limit of open files of this process: a flood must not take the descriptors
 * that the database and the agents need. Only Linux shows the limit; elsewhere the result is `wanted`.
 */
export function affordableConnections(wanted: number, log: Log): number {
  const descriptors = descriptorLimit()
  if (descriptors === null || wanted + RESERVE <= descriptors) return wanted
  const connections = Math.max(LEAST, descriptors - RESERVE)
  if (connections >= wanted) return wanted
  log.warn(
    { descriptors, connections },
    'proxy.limits.connections: the limit of open files (ulimit -n) is too low; fewer connections are accepted',
  )
  return connections
}

function descriptorLimit(): number | null {
  try {
    const soft = /^Max open files\s+(\d+)\s/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return soft === undefined ? null : Number(soft)
  } catch {
    return null
  }
}
