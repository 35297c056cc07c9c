import { BlockList, isIP } from 'node:net'
import { MezError } from '@mezite/core/agent'

/** The addresses that this agent may dial, checked against the resolved address. */
export interface AllowList {
  /** `host` is the name or address in the URI, `address` the resolved address. */
  admits(host: string, address: string, port: number): boolean
}

interface Entry {
  readonly host: string | null
  readonly addresses: BlockList | null
  readonly port: number | null
}

/**
 * Reads entries such as `10.0.3.0/24:*`, `localhost:3000`, `[fd00::1]:443`. Undefined allows everything except
 * link-local, multicast, unspecified and metadata addresses, which require an entry for the address or its network.
 * Throws `MEZ_ALLOW_INVALID`.
 */
export function createAllowList(allow: readonly string[] | undefined): AllowList {
  const entries = allow?.map(parseEntry)
  const guarded = guardedAddresses()
  return {
    admits(host, address, port) {
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
      const special = guarded.check(address, family) || isGuardedIsatap(guarded, address)
      if (!entries) return !special
      return entries.some((entry) => {
        if (entry.port !== null && entry.port !== port) return false
        if (entry.addresses) return entry.addresses.check(address, family)
        return !special && entry.host === host.toLowerCase()
      })
    },
  }
}

/** Networks (RFC 6890 and the metadata services of clouds) that are not allowed by default. */
const GUARDED_IPV4 = [
  ['0.0.0.0', 8],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['192.0.0.192', 32],
  ['224.0.0.0', 4],
  ['255.255.255.255', 32],
] as const
const GUARDED_IPV6 = [
  ['::', 128],
  ['fe80::', 10],
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
  ['ff00::', 8],
  // Local-use NAT64 (RFC 8215): the network determines the IPv4 address.
  ['64:ff9b:1::', 48],
  // Teredo (RFC 4380): the IPv4 address is in the last bits, and a relay on the network leads there.
  ['2001::', 32],
] as const

/**
 * The guarded addresses, and their forms behind NAT64 (RFC 6052, `64:ff9b::/96`), 6to4 (RFC 3056, `2002::/16`), SIIT
 * (RFC 2765, `::ffff:0:0:0/96`) and IPv4-compatible addresses. `BlockList` compares IPv4-mapped addresses as IPv4.
 */
function guardedAddresses(): BlockList {
  const list = new BlockList()
  for (const [address, prefix] of GUARDED_IPV6) list.addSubnet(address, prefix, 'ipv6')
  for (const [address, prefix] of GUARDED_IPV4) {
    list.addSubnet(address, prefix, 'ipv4')
    const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
    const high = (a * 256 + b).toString(16)
    const low = (c * 256 + d).toString(16)
    list.addSubnet(`64:ff9b::${high}:${low}`, 96 + prefix, 'ipv6')
    list.addSubnet(`2002:${high}:${low}::`, 16 + prefix, 'ipv6')
    list.addSubnet(`::ffff:0:${high}:${low}`, 96 + prefix, 'ipv6')
    // ::1 is an ordinary loopback address, not a form of 0.0.0.1.
    if (a !== 0) list.addSubnet(`::${high}:${low}`, 96 + prefix, 'ipv6')
  }
  return list
}

/**
 * Whether an IPv6 address has the interface identifier of ISATAP (`0:5efe` or `200:5efe`, RFC 5214 section 6.1) with a
 * guarded IPv4 address. The identifier stands below any prefix, which a `BlockList` cannot express.
 */
function isGuardedIsatap(guarded: BlockList, address: string): boolean {
  const canonical = URL.parse(`http://[${address.split('%', 1)[0]}]`)?.hostname.slice(1, -1)
  if (canonical === undefined) return false
  const [head = '', tail] = canonical.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0')
  const [marker = '', isatap, high = '', low = ''] = [...before, ...zeros, ...after].slice(4)
  if (isatap !== '5efe' || !/^(?:0|200)$/.test(marker)) return false
  const bytes = [high, low].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
  return guarded.check(bytes.join('.'), 'ipv4')
}

function parseEntry(text: string): Entry {
  const invalid = () =>
    new MezError(
      'MEZ_ALLOW_INVALID',
      `apps.allow: ${JSON.stringify(text)} is not HOST:PORT, ADDRESS:PORT or CIDR:PORT`,
    )
  const at = text.lastIndexOf(':')
  const host = text
    .slice(0, at)
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  const portText = text.slice(at + 1)
  if (at <= 0 || host === '' || !/^(\*|\d{1,5})$/.test(portText)) throw invalid()
  const port = portText === '*' ? null : Number(portText)
  if (port !== null && (port < 1 || port > 65_535)) throw invalid()
  const [address = '', prefix] = host.split('/')
  const family = isIP(address)
  if (family === 0) {
    if (prefix !== undefined || !/^[a-z0-9._-]+$/.test(host)) throw invalid()
    return { host, addresses: null, port }
  }
  const addresses = new BlockList()
  try {
    const kind = family === 6 ? 'ipv6' : 'ipv4'
    if (prefix === undefined) addresses.addAddress(address, kind)
    else if (/^\d{1,3}$/.test(prefix)) addresses.addSubnet(address, Number(prefix), kind)
    else throw invalid()
  } catch {
    throw invalid()
  }
  return { host: null, addresses, port }
}
