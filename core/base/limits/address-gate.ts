import { readFileSync } from 'node:fs'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import { addressShares } from './address-key.ts'
import { type ConcurrencyQuota, createConcurrencyQuota } from './concurrency-quota.ts'
import { createRateLimit } from './rate-limit.ts'

/** The count of one connection. Call each method once. */
export interface ConnectionLease {
  /** Its handshake has ended, successfully or not. */
  secured(): void
  /** The connection has closed. */
  left(): void
}

/** Limits how much of the public port one client address may use, so that a flood affects only its sender. */
export function createAddressGate(limits: ProxyLimits, clock: Clock) {
  const connections = createConcurrencyQuota()
  const handshakes = createConcurrencyQuota()
  const arrivals = createRateLimit(clock)
  return {
    /** Null if the address has, or has recently opened, too many connections. */
    enter(address: string): ConnectionLease | null {
      const shares = addressShares(address)
      const perMinute = limits.connectionsPerAddressPerMinute
      if (!shares.every(({ key, share }) => arrivals.take(key, perMinute * share))) return null
      const left = takeAll(connections, shares, limits.connectionsPerAddress)
      if (left === null) return null
      const secured = takeAll(handshakes, shares, limits.handshakesPerAddress)
      if (secured === null) left()
      return secured && { secured, left }
    },
  }
}

/** Counts one more under each key, and returns what takes it back; null if one of them has its share, and then none counts. */
function takeAll(
  quota: ConcurrencyQuota,
  shares: ReturnType<typeof addressShares>,
  most: number,
): (() => void) | null {
  const taken: string[] = []
  const giveBack = (): void => taken.forEach(quota.give)
  for (const { key, share } of shares) {
    if (!quota.take(key, most * share)) {
      giveBack()
      return null
    }
    taken.push(key)
  }
  return giveBack
}

/** Descriptors reserved for the database, files, the admin socket and Node.js itself. */
const RESERVE = 128
/** With fewer connections the hub could not work. */
const LEAST = 64

/**
 * How many connections may be open under this process's limit of open files: a flood must not use up the descriptors
 * that the database and the agents need. Only Linux reports the limit; elsewhere the result is `wanted`.
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
