/**
 * Under which name an address is counted: IPv4 as it is, IPv6 by its /64, which is what one client gets. The address
 * is in canonical text; anything else is its own key.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address
  const [before = '', after] = address.split('::')
  const groups = before === '' ? [] : before.split(':')
  if (after !== undefined) {
    const rest = after === '' ? 0 : after.split(':').length
    while (groups.length + rest < 8) groups.push('0')
  }
  return `${groups.slice(0, 4).join(':')}::/64`
}
