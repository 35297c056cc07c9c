import { lookupLocalhost } from '@mezite/core'
import { Agent, fetch } from 'undici'

/**
 * A `fetch` for the example's own hosts: names under `.localhost` mean loopback (RFC 6761 section 6.3), which
 * not every resolver knows, and the hub's development certificate is trusted through `ca` (PEM).
 */
export function loopbackFetch(ca: string): typeof fetch {
  const dispatcher = new Agent({ connect: { ca, lookup: lookupLocalhost } })
  return (input, init) => fetch(input, { ...init, dispatcher })
}
