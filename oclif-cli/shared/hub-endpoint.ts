import { lookup } from 'node:dns'
import { readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import type { LookupFunction } from 'node:net'
import { CliError } from './cli-error.ts'

export interface ProxyAddress {
  readonly host: string
  readonly port: number
  /** `host`, or `host:port` when the port is not 443, in lower case: the name of a stored login. */
  readonly name: string
}

/** Parses `HOST[:PORT]` (a name, an IPv4 address or `[IPv6]`), with or without `https://`. Throws `MEZ_USAGE_WRONG`. */
export function parseProxy(text: string): ProxyAddress {
  const bare = text
    .trim()
    .replace(/^https:\/\//i, '')
    .replace(/\/$/, '')
  const [, host, port = '443'] = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i.exec(bare) ?? []
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new CliError('MEZ_USAGE_WRONG', `${JSON.stringify(text)} is not the address of a hub`, {
      hint: 'Write HOST or HOST:PORT, such as mezite.example.com.',
    })
  }
  const lower = host.toLowerCase()
  return { host: lower, port: Number(port), name: Number(port) === 443 ? lower : `${lower}:${Number(port)}` }
}

/** How to reach the JSON API of one hub, and with which credential. */
export interface HubEndpoint {
  /** For messages: what was chosen and why, such as `the admin socket /var/lib/mezite/admin.sock (default data_dir)`. */
  readonly description: string
  readonly secure: boolean
  /** Options of every request: socket path, or host, trusted authorities and lookup. */
  readonly request: RequestOptions
  /** Bearer token; null on the admin socket. */
  readonly token: string | null
  /** The next step when the hub rejects the credential. */
  readonly renewHint: string
  /** How to name the hub's certificate authority, where it is not set at login. */
  readonly trustHint?: string | undefined
}

/** The operator's endpoint: HTTP over the Unix socket in the hub's data directory. */
export function socketEndpoint(socketPath: string, why: string): HubEndpoint {
  return {
    description: `the admin socket ${socketPath} (${why})`,
    secure: false,
    request: { socketPath, host: 'localhost' },
    token: null,
    renewHint: 'The admin socket needs no login; check which hub it belongs to.',
  }
}

/** HTTPS, always verified: against the system's authorities, NODE_EXTRA_CA_CERTS, and `ca` (PEM) if given. */
export function proxyEndpoint(
  proxy: ProxyAddress,
  options: { token: string | null; ca: string | null; why: string; renewHint: string; trustHint?: string },
): HubEndpoint {
  const host = proxy.host.replace(/^\[|\]$/g, '')
  const { getCACertificates } = process.getBuiltinModule('node:tls')
  return {
    description: `https://${proxy.name} (${options.why})`,
    secure: true,
    request: {
      host,
      port: proxy.port,
      lookup: lookupLoopback,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      headers: { host: proxy.name },
      ...(options.ca === null ? {} : { ca: [...getCACertificates('default'), options.ca] }),
    },
    token: options.token,
    renewHint: options.renewHint,
    trustHint: options.trustHint,
  }
}

/** Resolves `localhost` and names below it to loopback without asking a resolver (RFC 6761 section 6.3). */
const lookupLoopback: LookupFunction = (hostname, options, callback) => {
  if (!/(^|\.)localhost\.?$/i.test(hostname)) return lookup(hostname, options, callback)
  if (options.all) return callback(null, [{ address: '127.0.0.1', family: 4 }])
  return callback(null, '127.0.0.1', 4)
}

/** The PEM text of a certificate authority. Throws `MEZ_FILE_UNREADABLE`. */
export function readCaFile(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const message = `cannot read the CA file ${path}: ${(cause as Error).message}`
    throw new CliError('MEZ_FILE_UNREADABLE', message, { cause })
  }
  if (text.includes('PRIVATE KEY') || !text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new CliError(
      'MEZ_FILE_UNREADABLE',
      `the CA file ${path} is not a PEM certificate, or contains a private key`,
    )
  }
  return text
}
