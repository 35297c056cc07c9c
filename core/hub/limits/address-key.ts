/**
 * Under which name an address is counted: IPv4 as it is, IPv6 by its /64, which is what one client gets. The address
 * is in canonical text; anything else is its own key.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address
  const [before = '', after = ''] = address.split('::')
  const [head, tail] = [before, after].map((side) => (side === '' ? [] : side.split(':'))) as [
    string[],
    string[],
  ]
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0')
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`
}
