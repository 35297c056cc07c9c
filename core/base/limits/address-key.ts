/**
 * The key under which an address is counted: the IPv4 address, or the /64 of an IPv6 address, which one client usually
 * gets. Expects canonical text; any other text is its own key.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address
  return `${words(address).slice(0, 4).join(':')}::/64`
}

/** How many times what one client may have the owner of an IPv6 /48 may have, in all its 65,536 networks of clients. */
const OWNER_SHARE = 4

/**
 * Every key under which an address is counted, with the number of times that its limit applies: the address itself (IPv6: its
 * /64), and for IPv6 the /48, because the owner of one chooses a new /64 for each connection.
 */
export function addressShares(address: string): readonly { readonly key: string; readonly share: number }[] {
  const own = { key: addressKey(address), share: 1 }
  return address.includes(':') ? [own, { key: addressGroup(address), share: OWNER_SHARE }] : [own]
}

/** The network of an address, in the largest size that one owner usually gets: IPv4 /24, IPv6 /48. */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return `${address.split('.').slice(0, 3).join('.')}.0/24`
  return `${words(address).slice(0, 3).join(':')}::/48`
}

/** The eight words of an IPv6 address in canonical text. */
function words(address: string): string[] {
  const [before = '', after = ''] = address.split('::')
  const [head, tail] = [before, after].map((side) => (side === '' ? [] : side.split(':'))) as [
    string[],
    string[],
  ]
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0')
  return [...head, ...zeros, ...tail]
}
