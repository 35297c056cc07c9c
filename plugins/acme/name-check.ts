import { BlockList } from 'node:net'
import { resolverOf } from './dns-proof.ts'

const PRIVATE = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(net, bits)
for (const [net, bits] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  PRIVATE.addSubnet(net, bits, 'ipv6')

const NOT_FOUND = ['ENOTFOUND', 'ENODATA', 'NXDOMAIN']
const codeOf = (error: unknown) => String((error as { code?: unknown } | null)?.code)

/** Why an order for the names must fail, by name: found before the authority counts a failure. */
export async function nameFaults(
  names: readonly string[],
  options: {
    readonly resolvers: readonly string[] | null
    /** Domains by which CAA records name the authority; empty if it has none. */
    readonly authority: readonly string[]
    /** The authority connects to the hub, so names must have addresses. */
    readonly connects: boolean
    /** The authority reaches public addresses only. */
    readonly publicOnly: boolean
  },
): Promise<ReadonlyMap<string, string>> {
  const { resolvers, authority, connects, publicOnly } = options
  const resolver = resolverOf(resolvers)
  const faults = new Map<string, string>()

  async function addressFault(host: string): Promise<string | null> {
    const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    const found = [four, six].flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    // A server that does not answer says nothing about the name.
    const unknown = [four, six].some(
      (one) => one.status === 'rejected' && !NOT_FOUND.includes(codeOf(one.reason)),
    )
    if (found.length === 0)
      return unknown
        ? null
        : `DNS has no address for ${host}: add an A or AAAA record that points to this hub`
    const inside = found.filter((one) => PRIVATE.check(one, one.includes(':') ? 'ipv6' : 'ipv4'))
    if (publicOnly && inside.length === found.length)
      return `${host} has the private address ${inside[0]}, which the authority cannot reach: use dns, or a public address`
    return null
  }

  /** RFC 8659: the records of the closest ancestor that has some. */
  async function caaFault(name: string): Promise<string | null> {
    const wild = name.startsWith('*.')
    for (
      let at = wild ? name.slice(2) : name;
      at !== '';
      at = at.includes('.') ? at.slice(at.indexOf('.') + 1) : ''
    ) {
      const records = await resolver.resolveCaa(at).catch((): [] => [])
      if (records.length === 0) continue
      const issue = records.flatMap((one) => one.issue ?? [])
      const issuewild = records.flatMap((one) => one.issuewild ?? [])
      const rules = wild && issuewild.length > 0 ? issuewild : issue
      if (rules.length === 0) return null
      const allowed = rules.map((rule) => rule.split(';')[0]!.trim().toLowerCase())
      if (allowed.some((one) => authority.includes(one))) return null
      const listed = allowed.filter(Boolean).join(', ') || 'nobody'
      return `the CAA records of ${at} allow ${listed} to issue, not ${authority[0]}: add ${at} CAA 0 issue "${authority[0]}"`
    }
    return null
  }

  await Promise.all(
    names.map(async (name) => {
      const fault =
        (connects && !name.startsWith('*.') ? await addressFault(name) : null) ??
        (authority.length > 0 ? await caaFault(name) : null)
      if (fault !== null) faults.set(name, fault)
    }),
  )
  return faults
}
