import { isIP } from 'node:net'
import {
  type Address,
  HOST_NAME,
  isLocalhostName,
  parseHostName,
  parseListenAddress,
} from '../../api/address.ts'

/** Certificates of hubs contain `hub.NAME.mezite.internal` (RFC 1035: at most 253 characters). */
const LONGEST_CLUSTER_NAME = 200

/** What the name of a cluster must be. */
export const CLUSTER_NAME = `labels of small letters, digits and hyphens with dots between them, at most ${LONGEST_CLUSTER_NAME} characters, because certificates contain it`

/** The text, or null if it cannot name a cluster. */
export const parseClusterName = (text: string): string | null =>
  text.length <= LONGEST_CLUSTER_NAME && HOST_NAME.test(text) ? text : null

/** Parses an address that other hubs can dial. Null if it is none; throws if it is one to listen on only. */
export function parseInternalAddress(text: string): Address | null {
  const address = parseListenAddress(text)
  if (address && (['0.0.0.0', '::'].includes(address.host) || address.port === 0))
    throw new RangeError('must be what the other hubs dial')
  return address
}

/**
 * Parses the domains of applications. Throws if one is not valid, has one label and is not local, or contains another: a
 * host would belong to both.
 */
export function parseAppsDomains(texts: readonly string[]): readonly string[] {
  const domains = texts.map((text) => {
    const domain = parseHostName(text)
    if (domain === null)
      throw new RangeError('must be a domain name without port or wildcard, or a list of them')
    if (!domain.includes('.') && !isLocalhostName(domain))
      throw new RangeError('must have two labels at least')
    return domain
  })
  for (const [at, domain] of domains.entries()) {
    const other = domains.find((one, index) => index !== at && `.${one}`.endsWith(`.${domain}`))
    if (other !== undefined) throw new RangeError(`must not contain each other: ${other} and ${domain}`)
  }
  return domains
}

/** Parses where people get help. Null for other schemes than https: and mailto:. */
export function parseHelpUrl(text: string): string | null {
  const url = URL.parse(text)
  return url?.protocol === 'https:' || url?.protocol === 'mailto:' ? url.href : null
}

/** `10.0.0.0/8`, `fd00::/8`, or one address. */
export function isCidr(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128)
}
