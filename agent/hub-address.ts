import { connect, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { lookupLocalhost, MezError, messageOf } from '@mezite/core/agent'

/** Where the hub's public port is. `host` has no brackets. */
export interface HubAddress {
  readonly host: string
  readonly port: number
}

/** Reads `host:port` (443 when there is no port). Null: it is something else. */
export function readHubAddress(text: string): HubAddress | null {
  const url = `https://${text}`
  const bare = URL.canParse(url) ? new URL(url) : null
  if (
    bare?.pathname !== '/' ||
    bare.search ||
    bare.hash ||
    bare.username ||
    bare.password ||
    !bare.hostname
  ) {
    return null
  }
  if (/[/?#@]/.test(text)) return null
  return { host: bare.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(bare.port) || 443 }
}

/** A plain TCP connection, for joining. Rejects with `MEZ_HUB_UNREACHABLE`. */
export function dialHub({ host, port }: HubAddress, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const lookup = isIP(host) === 0 ? { lookup: lookupLocalhost } : {}
    const socket = connect({ host, port, signal, noDelay: true, ...lookup })
    socket.on('error', (error) => reject(new MezError('MEZ_HUB_UNREACHABLE', messageOf(error))))
    socket.once('connect', () => resolve(socket))
  })
}
