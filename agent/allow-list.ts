import { BlockList, isIP } from 'node:net'
import { MezError } from '@mezite/core/agent'

/** What this agent may dial, judged on the address that it connects to. */
export interface AllowList {
  /** `host` is the name or address of the URI, `address` what it resolved to. */
  admits(host: string, address: string, port: number): boolean
}

interface Entry {
  readonly host: string | null
  readonly addresses: BlockList | null
  readonly port: number | null
}

/**
 * Reads entries such as `10.0.3.0/24:*`, `localhost:3000`, `[fd00::1]:443`. Undefined: everything except
 * link-local and metadata addresses, which only an entry that names the address or its network admits.
 * Throws `MEZ_ALLOW_INVALID`.
 */
export function createAllowList(allow: readonly string[] | undefined): AllowList {
  const entries = allow?.map(parseEntry)
  const guarded = guardedAddresses()
  return {
    admits(host, address, port) {
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
      const special = guarded.check(address, family)
      if (!entries) return !special
      return entries.some((entry) => {
        if (entry.port !== null && entry.port !== port) return false
        if (entry.addresses) return entry.addresses.check(address, family)
        return !special && entry.host === host.toLowerCase()
      })
    },
  }
}

/** Link-local, metadata services of clouds, and the same behind NAT64. Mapped IPv4 is judged as IPv4. */
function guardedAddresses(): BlockList {
  const list = new BlockList()
  list.addSubnet('169.254.0.0', 16, 'ipv4')
  list.addAddress('100.100.100.200', 'ipv4')
  list.addAddress('168.63.129.16', 'ipv4')
  list.addAddress('192.0.0.192', 'ipv4')
  list.addSubnet('fe80::', 10, 'ipv6')
  list.addAddress('fd00:ec2::254', 'ipv6')
  list.addAddress('fd20:ce::254', 'ipv6')
  list.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6')
  return list
}

function parseEntry(text: string): Entry {
  const invalid = () =>
    new MezError('MEZ_ALLOW_INVALID', `apps.allow: ${JSON.stringify(text)} cannot be read`)
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
