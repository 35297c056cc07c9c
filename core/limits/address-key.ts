/**
 * The key under which an address is counted: the IPv4 address, or the /64 of an IPv6 address, which one client usually
 * gets. Expects canonical text; any other text is its own key.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address
  return `${words(address).slice(0, 4).join(':')}::/64`
}

/** The network of an address, in the size that one owner usually gets: IPv4 /24, IPv6 /56. */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return `${address.split('.').slice(0, 3).join('.')}.0/24`
  const [first, second, third, fourth] = words(address) as [string, string, string, string]
  const last = (Number.parseInt(fourth, 16) & 0xff00).toString(16)
  return `${first}:${second}:${third}:${last}::/56`
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
