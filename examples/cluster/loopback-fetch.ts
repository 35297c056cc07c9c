import { lookupLocalhost } from '@mezite/core/protocol'
import type { FetchImplementation } from 'jose'
import { Agent, fetch, type RequestInit } from 'undici'

/**
 * A `fetch` for the example's own hosts. It resolves names below `.localhost` to loopback, which not every resolver does, and
 * trusts the hub's development certificate through `ca` (PEM).
 */
export function loopbackFetch(ca: string): FetchImplementation {
  const dispatcher = new Agent({ connect: { ca, lookup: lookupLocalhost } })
  return async (url, init) => {
    const response = await fetch(url, { ...(init as unknown as RequestInit), dispatcher })
    return response as unknown as Response
  }
}
