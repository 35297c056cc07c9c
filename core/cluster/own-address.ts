import { formatAddress } from '../hub/config/address.ts'
import type { HubConfig } from '../hub/config/hub-config.ts'

const ANY = ['0.0.0.0', '::']

/**
 * `host:port` where the other hubs of the cluster reach this one: the configured address, else the address that it listens
 * on, else the one from which it connects to the database (null: the database is on this machine). Processes that share
 * the public port listen on a port of their own too: those after the configured one, else any.
 */
export function ownAddress(
  { internalAddr, listen }: Pick<HubConfig['proxy'], 'internalAddr' | 'listen'>,
  port: number,
  fromDatabase: string | null,
  process = 0,
): string {
  if (internalAddr) return formatAddress({ ...internalAddr, port: internalAddr.port + process })
  const host = ANY.includes(listen.host) ? (fromDatabase ?? '127.0.0.1') : listen.host
  return formatAddress({ host: host.replace(/^::ffff:/, ''), port })
}

/** Where a process listens for other hubs and agents, beside the port that it shares with others. */
export function internalListenAddress(
  proxy: Pick<HubConfig['proxy'], 'internalAddr' | 'listen'>,
  fromDatabase: string | null,
  process: number,
): string {
  const { internalAddr, listen } = proxy
  if (internalAddr) return formatAddress({ host: listen.host, port: internalAddr.port + process })
  return ownAddress(proxy, 0, fromDatabase)
}
