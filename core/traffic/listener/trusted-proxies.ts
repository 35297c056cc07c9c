import { isIP, isIPv6, SocketAddress } from 'node:net'
import { MezError } from '../../kernel/error.ts'
import { createNetworks, isNetwork } from '../../wire/networks.ts'

/** The networks whose X-Forwarded-For and PROXY headers are used. */
export interface TrustedProxies {
  has(address: string): boolean
  /** Reads X-Forwarded-For from its end and skips trusted proxies; see `ConnectionInfo.clientOf`. */
  clientOf(peer: string, forwardedFor: string | undefined): string
}

/** `cidrs`: addresses or networks, IPv4 or IPv6. Throws `MEZ_CONFIG_INVALID` for anything else. */
export function createTrustedProxies(cidrs: readonly string[]): TrustedProxies {
  const wrong = cidrs.find((cidr) => !isNetwork(cidr))
  if (wrong !== undefined)
    throw new MezError(
      'MEZ_CONFIG_INVALID',
      `proxy.trusted_proxies: ${JSON.stringify(wrong)} is not an address or network`,
    )
  const { has } = createNetworks(cidrs)
  return {
    has,
    clientOf(peer, forwardedFor) {
      let client = peer
      if (forwardedFor === undefined || !has(peer)) return client
      for (const word of forwardedFor.split(',').reverse()) {
        const address = canonicalAddress(word.trim())
        if (address === null) return client
        client = address
        if (!has(client)) return client
      }
      return client
    },
  }
}

/** One spelling for each address: converts IPv4-mapped IPv6 to IPv4, compresses IPv6, and rejects zones. */
export function canonicalAddress(text: string): string | null {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(text)?.[1]
  if (mapped !== undefined) return isIP(mapped) === 4 ? mapped : null
  if (text.includes('%') || isIP(text) === 0) return null
  if (!isIPv6(text)) return text
  const { address } = new SocketAddress({ address: text, family: 'ipv6' })
  const inner = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1]
  return inner ?? address
}
