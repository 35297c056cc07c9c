import { formatAddress } from '../api/address.ts'
import type { HubConfig } from './config/hub-config.ts'

const ANY = ['0.0.0.0', '::']

/**
 * `host:port` where the other hubs of the cluster reach this one: the configured address, else the address that it listens
 * on, else the one from which it connects to the database (null: the database is on this machine). Processes that share
 * the public port listen on a port of their own too: those after the configured one, else any.
 */
export function ownAddress(
  { internal_addr, listen_addr }: Pick<HubConfig['proxy'], 'internal_addr' | 'listen_addr'>,
  port: number,
  fromDatabase: string | null,
  process = 0,
): string {
  if (internal_addr) return formatAddress({ ...internal_addr, port: internal_addr.port + process })
  const host = ANY.includes(listen_addr.host) ? (fromDatabase ?? '127.0.0.1') : listen_addr.host
  return formatAddress({ host: host.replace(/^::ffff:/, ''), port })
}

/** Where a process listens for other hubs and agents, beside the port that it shares with others. */
export function internalListenAddress(
  proxy: Pick<HubConfig['proxy'], 'internal_addr' | 'listen_addr'>,
  fromDatabase: string | null,
  process: number,
): string {
  const { internal_addr, listen_addr } = proxy
  if (internal_addr) return formatAddress({ host: listen_addr.host, port: internal_addr.port + process })
  return ownAddress(proxy, 0, fromDatabase)
}
