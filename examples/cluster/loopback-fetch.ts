import { lookupLocalhost } from '@mezite/core/protocol'
import type { FetchImplementation } from 'jose'
import { Agent, fetch, type RequestInit } from 'undici'

/**
 * A `fetch` for the example's own hosts: names under `.localhost` mean loopback, which not every resolver knows, and
 * the hub's development certificate is trusted through `ca` (PEM).
 */
export function loopbackFetch(ca: string): FetchImplementation {
  const dispatcher = new Agent({ connect: { ca, lookup: lookupLocalhost } })
  return async (url, init) => {
    const response = await fetch(url, { ...(init as unknown as RequestInit), dispatcher })
    return response as unknown as Response
  }
}
