import { isIP } from 'node:net'
import type { PublicNames } from '../../api/web-routes.ts'

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * What is wrong with a host name of an app, given in lower case, or null: it must be one or more labels below the
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
