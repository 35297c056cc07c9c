import { CliError } from './cli-error.ts'

export interface ProxyAddress {
  readonly host: string
  readonly port: number
  /** `host` or `host:port` when the port is not 443, lower case: the name of a profile. */
  readonly name: string
}

/** `HOST[:PORT]` (a name or an IPv4 address, or `[IPv6]`); a leading `https://` is forgiven, anything else is wrong usage. */
export function parseProxy(text: string): ProxyAddress {
  const bare = text
    .trim()
    .replace(/^https:\/\//i, '')
    .replace(/\/$/, '')
  const [, host, port = '443'] = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i.exec(bare) ?? []
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new CliError('MEZ_USAGE', `${JSON.stringify(text)} is no address of a hub`, {
      hint: 'Write HOST or HOST:PORT, such as mezite.example.com.',
    })
  }
  const lower = host.toLowerCase()
  return { host: lower, port: Number(port), name: Number(port) === 443 ? lower : `${lower}:${Number(port)}` }
}
