import { isIP, isIPv4 } from 'node:net'
import { DNS_LABEL } from './resource.ts'

/** An address to listen on or to connect to. */
export interface Address {
  /** Without brackets, also for IPv6. */
  readonly host: string
  readonly port: number
}

/** A DNS name in lower case, without trailing dot or wildcard. */
export const HOST_NAME = new RegExp(`^${DNS_LABEL}(\\.${DNS_LABEL})*$`)

/**
 * Parses a DNS name, in lower case without port, trailing dot or wildcard. Null for anything else, such as an IP
 * address.
 */
export function parseHostName(text: string): string | null {
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

/** True for loopback addresses, and for `localhost` and names under `.localhost`. */
export function isLoopback(host: string): boolean {
  return host === '::1' || (isIPv4(host) && host.startsWith('127.')) || isLocalhostName(host)
}

/** `localhost` and everything below it. */
export function isLocalhostName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}

/** `HOST:PORT`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
