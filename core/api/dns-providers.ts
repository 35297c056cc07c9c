import { slotRef } from '../kernel/reference.ts'

/** A TXT record that proves control over a domain (RFC 8555, section 8.4). */
export interface DnsRecord {
  /** Fully qualified, in lower case, without a trailing dot: `_acme-challenge.example.com`. */
  readonly name: string
  readonly value: string
}

/** Writes the records of DNS-01 challenges at one DNS service. Operators choose it with `plugins.acme.dns.provider`. */
export interface DnsProvider {
  /** Unique; in configuration: small letters, digits and hyphens. */
  readonly name: string
  /**
   * Adds the record, and resolves once the service has accepted it. The name may already have other values, which must stay:
   * two records of one name are needed for `example.com` and `*.example.com`. It may be called again for the same record.
   * `signal` aborts after 2 minutes.
   */
  present(record: DnsRecord, signal: AbortSignal): Promise<void>
  /** Removes this value and no other; resolves too if it is gone already. */
  cleanup(record: DnsRecord, signal: AbortSignal): Promise<void>
}

/** Services that hold DNS records, for certificates that are proved by DNS. */
export const dnsProviders = slotRef<DnsProvider>('dnsProviders')
