/** Where the hub's public port is. `host` has no brackets. */
export interface HubAddress {
  readonly host: string
  readonly port: number
}

/** Parses `host:port` (default port 443). Null if the text is not an address. */
export function readHubAddress(text: string): HubAddress | null {
  const url = `https://${text}`
  const bare = URL.canParse(url) ? new URL(url) : null
  if (/[/?#@]/.test(text) || !bare?.hostname) return null
  return { host: bare.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(bare.port) || 443 }
}
