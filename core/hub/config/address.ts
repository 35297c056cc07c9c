import { isIP, isIPv4 } from 'node:net'
import { DNS_LABEL } from '../../api/resource.ts'

/** An address to listen on or to connect to. */
export interface Address {
  /** Without brackets, also for IPv6. */
  readonly host: string
  readonly port: number
}

const HOST_NAME = new RegExp(`^${DNS_LABEL}(\\.${DNS_LABEL})*$`)
/** Certificates of hubs contain `hub.NAME.mezite.internal` (RFC 1035: at most 253 characters). */
const LONGEST_CLUSTER_NAME = 200

/** What the name of a cluster must be. */
export const CLUSTER_NAME = `labels of small letters, digits and hyphens with dots between them, at most ${LONGEST_CLUSTER_NAME} characters, because certificates contain it`

/** The text, or null if it cannot name a cluster. */
export const parseClusterName = (text: string): string | null =>
  text.length <= LONGEST_CLUSTER_NAME && HOST_NAME.test(text) ? text : null

/**
 * Parses a DNS name, in lower case without port, trailing dot or wildcard. Null for anything else, such as an IP
 * address.
 */
function parseHostName(text: string): string | null {
  const host = text.toLowerCase()
  // Parsers read a name whose last label is a number as an IPv4 address.
  return host.length <= 253 && HOST_NAME.test(host) && !/(^|\.)\d+$/.test(host) ? host : null
}

/**
 * Parses `HOST:PORT`, `[IPV6]:PORT` or `:PORT` (all interfaces); port 0 selects a free one. Null if it is not valid.
 */
export function parseListenAddress(text: string): Address | null {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) return null
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : null
  if (plain === '') return { host: '::', port }
  const host = isIPv4(plain!) ? plain! : parseHostName(plain!)
  return host === null ? null : { host, port }
}

/** Parses `HOST` or `HOST:PORT` as browsers reach it; the default port is 443. Null if it is not valid. */
export function parsePublicAddress(text: string): Address | null {
  const [, name, digits = '443'] = /^([^:]+)(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = parseHostName(name ?? '')
  const port = Number(digits)
  return host === null || port < 1 || port > 65_535 ? null : { host, port }
}

/** Parses an address that other hubs can dial. Null if it is none; throws if it is one to listen on only. */
export function parseInternalAddress(text: string): Address | null {
  const address = parseListenAddress(text)
  if (address && (['0.0.0.0', '::'].includes(address.host) || address.port === 0))
    throw new RangeError('must be what the other hubs dial')
  return address
}

/** Parses the domain of applications. Null if it is not valid; throws for one label that is not local. */
export function parseAppsDomain(text: string): string | null {
  const domain = parseHostName(text)
  if (domain !== null && !domain.includes('.') && !isLocalhostName(domain))
    throw new RangeError('must have two labels at least')
  return domain
}

/** Parses where people get help. Null for other schemes than https: and mailto:. */
export function parseHelpUrl(text: string): string | null {
  const url = URL.parse(text)
  return url?.protocol === 'https:' || url?.protocol === 'mailto:' ? url.href : null
}

/** True for loopback addresses, and for `localhost` and names under `.localhost`. */
export function isLoopback(host: string): boolean {
  return host === '::1' || (isIPv4(host) && host.startsWith('127.')) || isLocalhostName(host)
}

/** `localhost` and everything below it. */
export function isLocalhostName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}

/** `10.0.0.0/8`, `fd00::/8`, or one address. */
export function isCidr(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128)
}

/** `HOST:PORT`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
