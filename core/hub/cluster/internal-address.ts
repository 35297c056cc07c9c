import { formatAddress } from '../config/address.ts'
import type { HubConfig } from '../config/hub-config.ts'

const ANY = ['0.0.0.0', '::']

/**
 * `host:port` where the other hubs of the cluster reach this one's public port: the configured address, else the address
 * that it listens on, else the one from which it connects to the database (null: the database is on this machine).
 */
export function ownAddress(
  { internalAddr, listen }: Pick<HubConfig['proxy'], 'internalAddr' | 'listen'>,
  port: number,
  fromDatabase: string | null,
): string {
  if (internalAddr) return formatAddress(internalAddr)
  const host = ANY.includes(listen.host) ? (fromDatabase ?? '127.0.0.1') : listen.host
  return formatAddress({ host: host.replace(/^::ffff:/, ''), port })
}
