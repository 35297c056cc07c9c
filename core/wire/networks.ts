import { BlockList, isIP } from 'node:net'

/** A set of networks. */
export interface Networks {
  /** `address`: canonical text. False for text that is not an address. */
  has(address: string): boolean
}

/** Whether the text is an IPv4 or IPv6 address, or a network such as `10.0.0.0/8`. */
export const isNetwork = (text: string): boolean => parse(text) !== null

/** The set of these addresses and networks. Throws `TypeError` for a text that `isNetwork` rejects. */
export function createNetworks(cidrs: readonly string[]): Networks {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const found = parse(cidr)
    if (found === null) throw new TypeError(`${JSON.stringify(cidr)} is not an address or network`)
    list.addSubnet(found.network, found.prefix, found.family)
  }
  return {
    has(address) {
      const family = isIP(address)
      return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4')
    },
  }
}

function parse(cidr: string) {
  const [network = '', bits, extra] = cidr.split('/')
  const family = isIP(network)
  const most = family === 6 ? 128 : 32
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (family === 0 || extra !== undefined || prefix < 0 || prefix > most) return null
  return { network, prefix, family: family === 6 ? ('ipv6' as const) : ('ipv4' as const) }
}
