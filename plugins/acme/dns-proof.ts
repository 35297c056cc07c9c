import { Resolver } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock, dnsProviders, SlotRef } from '@mezite/core'
import type { AcmeSettings } from './config.ts'
import { execProvider } from './exec-provider.ts'
import { rfc2136Provider } from './rfc2136-provider.ts'

export type DnsProvider = typeof dnsProviders extends SlotRef<infer T> ? T : never
type DnsRecord = Parameters<DnsProvider['present']>[0]

/** One call of a provider. */
const CALL_MS = 120_000
/** How long a record may take until every server of the zone has it. */
const PROPAGATION_MS = 120_000
const LOOK_MS = 2_000
const MOST_ALIASES = 8

/** The provider that the configuration chooses. Null: there is none of this name. */
export function chooseProvider(
  dns: NonNullable<AcmeSettings['dns']>,
  others: readonly DnsProvider[],
  clock: Clock,
): DnsProvider | null {
  if (dns.provider === 'exec') return execProvider(dns.command!)
  if (dns.provider !== 'rfc2136') return others.find(({ name }) => name === dns.provider) ?? null
  return rfc2136Provider({
    server: dns.server!,
    zone: dns.zone ?? null,
    keyName: dns.key_name!,
    keySecret: dns.key_secret!,
    algorithm: dns.key_algorithm ?? 'hmac-sha256',
    now: clock.now,
  })
}

const timed = (signal: AbortSignal) => AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)])

/** Shows records of DNS-01 and takes them away again. */
export function createDnsProof(provider: DnsProvider, resolvers: readonly string[] | null) {
  /** Follows a CNAME, with which a zone gives this one name to another zone. */
  async function target(name: string): Promise<string> {
    const resolver = resolverOf(resolvers)
    let at = name
    for (let followed = 0; followed < MOST_ALIASES; followed++) {
      const [next] = await resolver.resolveCname(at).catch((): string[] => [])
      if (next === undefined) break
      at = next.toLowerCase()
    }
    return at
  }

  async function isShown({ name, value }: DnsRecord, servers: readonly string[] | null): Promise<boolean> {
    const found = await resolverOf(servers)
      .resolveTxt(name)
      .catch((): string[][] => [])
    return found.some((parts) => parts.join('') === value)
  }

  return {
    /** Resolves with the records once they can be seen, or after two minutes. */
    async present(host: string, value: string, signal: AbortSignal): Promise<DnsRecord> {
      const record = { name: await target(`_acme-challenge.${host}`), value }
      await provider.present(record, timed(signal))
      return record
    },
    /** Asks the servers of the zone, because others may remember that there was no record. */
    async untilShown(record: DnsRecord, signal: AbortSignal): Promise<void> {
      const servers = resolvers ?? (await serversOf(record.name))
      const until = performance.now() + PROPAGATION_MS
      while (performance.now() < until) {
        const shown = await Promise.all(
          (servers ?? [null]).map((one) => isShown(record, one === null ? null : [one])),
        )
        if (shown.every(Boolean)) return
        await sleep(LOOK_MS, undefined, { signal })
      }
    },
    cleanup: (record: DnsRecord) => provider.cleanup(record, AbortSignal.timeout(CALL_MS)),
  }
}

export function resolverOf(servers: readonly string[] | null): Resolver {
  const resolver = new Resolver({ timeout: 3_000, tries: 2 })
  if (servers !== null) resolver.setServers(servers)
  return resolver
}

/** Addresses of the name servers of the zone of a name; null if they cannot be found. */
async function serversOf(name: string): Promise<readonly string[] | null> {
  const resolver = resolverOf(null)
  for (let at = name; at.includes('.'); at = at.slice(at.indexOf('.') + 1)) {
    const hosts = await resolver.resolveNs(at).catch((): string[] => [])
    if (hosts.length === 0) continue
    const found = await Promise.all(hosts.map((host) => resolver.resolve4(host).catch((): string[] => [])))
    return found.flat().length > 0 ? found.flat() : null
  }
  return null
}
