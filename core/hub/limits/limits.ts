import { Value } from 'typebox/value'
import { parseDuration } from '../../api/duration.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import { limitsSchema, type RawLimits } from './limits-schema.ts'

const LEAST_MS = 100
const MOST_MS = 10 * 60_000

/** Fills in defaults and parses the durations; calls `problem` for each invalid value. */
export function completeLimits(
  raw: RawLimits = {},
  problem: (key: string, message: string) => void = () => {},
): ProxyLimits {
  const all = Value.Default(limitsSchema, structuredClone(raw)) as Required<NonNullable<RawLimits>>
  const ms = (key: 'handshake_timeout' | 'header_timeout' | 'request_timeout'): number => {
    const parsed = parseDuration(all[key]) ?? 0
    if (parsed < LEAST_MS || parsed > MOST_MS) problem(key, 'must be a duration from 100ms to 10m')
    return parsed
  }
  if (all.uri_bytes > all.header_bytes) problem('uri_bytes', 'must not be more than header_bytes')
  const headerMs = ms('header_timeout')
  const requestMs = ms('request_timeout')
  if (headerMs > requestMs) problem('header_timeout', 'must not be longer than request_timeout')
  return {
    connections: all.connections,
    connectionsPerAddress: all.connections_per_address,
    connectionsPerAddressPerMinute: all.connections_per_address_per_minute,
    handshakes: all.handshakes,
    handshakesPerAddress: all.handshakes_per_address,
    handshakeMs: ms('handshake_timeout'),
    headerMs,
    requestMs,
    headerCount: all.header_count,
    headerBytes: all.header_bytes,
    uriBytes: all.uri_bytes,
    requestsPerConnection: all.requests_per_connection,
    anonymousRequestsPerAddress: all.anonymous_requests_per_address,
    callsPerMinute: all.calls_per_minute as ProxyLimits['callsPerMinute'],
  }
}

/** The default limits. */
export const defaultLimits: ProxyLimits = completeLimits()
