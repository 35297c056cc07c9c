import { readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { CliError } from './cli-error.ts'
import { lookupLoopback } from './loopback-lookup.ts'
import type { ProxyAddress } from './proxy-address.ts'

/** One way to a hub. */
export interface HubConnection {
  /** For messages: what was chosen and why, such as `the admin socket /var/lib/mezite/admin.sock (default data_dir)`. */
  readonly description: string
  readonly secure: boolean
  /** Options of every request: socket path, or host, trust and lookup. */
  readonly request: RequestOptions
  /** Bearer token; null on the admin socket. */
  readonly token: string | null
  /** What to do when the hub does not accept the credential. */
  readonly renewHint: string
  /** How to name the hub's authority, where that is not done at login. */
  readonly trustHint?: string | undefined
}

/** The operator's way: HTTP over the Unix socket in the hub's data directory. */
export function socketConnection(socketPath: string, why: string): HubConnection {
  return {
    description: `the admin socket ${socketPath} (${why})`,
    secure: false,
    request: { socketPath, host: 'localhost' },
    token: null,
    renewHint: 'Whoever can open the admin socket is the operator; check which hub it belongs to.',
  }
}

/** HTTPS, always verified: against the system's authorities, NODE_EXTRA_CA_CERTS, and `ca` (PEM) when given. */
export function proxyConnection(
  proxy: ProxyAddress,
  options: { token: string | null; ca: string | null; why: string; renewHint: string; trustHint?: string },
): HubConnection {
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

/** The PEM text of an authority's certificate. */
export function readCaFile(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CliError(
      'MEZ_FILE_UNREADABLE',
      `cannot read the CA file ${path}: ${(cause as Error).message}`,
      { cause },
    )
  }
  if (text.includes('PRIVATE KEY') || !text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new CliError(
      'MEZ_FILE_UNREADABLE',
      `the CA file ${path} holds no PEM certificate, or holds a private key`,
    )
  }
  return text
}
