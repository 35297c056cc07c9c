import { isIP } from 'node:net'
import type { PublicNames } from '../../api/web-routes.ts'

const URI =
  /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}))(?::([0-9]{1,5}))?\/?$/

/** Why an agent cannot dial the URI, or null. The agent's allow-list still applies. */
export function appUriFault(uri: string, schemes: readonly string[]): string | null {
  const match = URI.exec(uri)
  const [, scheme = '', host = '', port] = match ?? []
  if (!schemes.includes(scheme))
    return `must be SCHEME://HOST[:PORT] without user, path, query and fragment; schemes are ${schemes.join(', ')}`
  if (!/^https?$/.test(scheme) && port === undefined) return `must name the port: ${scheme}://HOST:PORT`
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
    return 'must have a port from 1 to 65535'
  if (host.includes('..') || host.endsWith('.') || URL.parse(uri) === null) return 'must have a valid host'
  return null
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * The fault of a host name of an app, given in lower case, or null: it must be one or more labels below the
 * apps' domain, and neither the hub's own nor the sign-in host.
 */
export function publicAddrFault(host: string, names: PublicNames): string | null {
  const domain = names.appsDomain
  if (domain === null) return 'cannot be used: the hub has no proxy.apps_domain'
  if (host.includes('*')) return 'must not be a wildcard'
  if (host.endsWith('.')) return 'must not end with a dot'
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0) return 'must be a name, not an address'
  if (host.includes(':')) return 'must be a host name without scheme and port'
  if (host.length > 253 || !host.split('.').every((label) => LABEL.test(label))) {
    return 'must be a host name: labels of letters, digits and hyphens (IDN in its xn-- form)'
  }
  if (host === domain) return `must be below ${domain}, not ${domain} itself`
  if (!host.endsWith(`.${domain}`)) return `must be below ${domain}`
  if (host === hostOf(names.hubOrigin)) return "must not be the hub's own host"
  if (host === hostOf(names.signInOrigin)) return 'must not be the host where people sign in'
  return null
}

const hostOf = (origin: string) => new URL(origin).hostname.toLowerCase()
