import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net'
import { MezError } from '../../kernel/error.ts'

/** The networks whose X-Forwarded-For and PROXY headers are used. */
export interface TrustedProxies {
  has(address: string): boolean
  /** Reads X-Forwarded-For from its end and skips trusted proxies; see `ConnectionInfo.clientOf`. */
  clientOf(peer: string, forwardedFor: string | undefined): string
}

/** `cidrs`: addresses or networks, IPv4 or IPv6. Throws `MEZ_CONFIG_INVALID` for anything else. */
export function createTrustedProxies(cidrs: readonly string[]): TrustedProxies {
  const list = new BlockList()
  for (const cidr of cidrs) addNetwork(list, cidr)
  const has = (address: string): boolean => {
    const family = isIP(address)
    return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
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

function addNetwork(list: BlockList, cidr: string): void {
  const [network = '', bits, extra] = cidr.split('/')
  const family = isIP(network)
  const most = family === 6 ? 128 : 32
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (family === 0 || extra !== undefined || prefix < 0 || prefix > most) {
    throw new MezError(
      'MEZ_CONFIG_INVALID',
      `proxy.trusted_proxies: ${JSON.stringify(cidr)} is not an address or network`,
    )
  }
  list.addSubnet(network, prefix, family === 6 ? 'ipv6' : 'ipv4')
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
