import { isIP } from 'node:net'
import type { App } from '../../api/app.ts'
import { appsDomainOf, type PublicNames } from '../../api/web-routes.ts'

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Whether a host of an app, perhaps a wildcard, is this host or covers it: a wildcard covers one label. */
const coversHost = (given: string, host: string): boolean =>
  given === host || (given.startsWith('*.') && host.slice(host.indexOf('.')) === given.slice(1))

/** All hosts of an app, wildcards included; none if browsers cannot reach it. */
export const hostsOf = ({
  publicAddr,
  aliases = [],
}: Pick<App, 'publicAddr' | 'aliases'>): readonly string[] =>
  publicAddr === '' ? [] : [publicAddr, ...aliases]

/** A host of the one app that a host of the other covers, or null: each host leads to one app. */
export function clashOf(one: readonly string[], other: readonly string[]): string | null {
  return one.find((host) => other.some((its) => coversHost(its, host) || coversHost(host, its))) ?? null
}

/**
 * The fault of a host name of an app, given in lower case, or null: it must be one or more labels below a domain of
 * the apps, and neither the hub's own nor the sign-in host.
 */
export function hostFault(host: string, names: PublicNames): string | null {
  const domains = names.appsDomains
  if (domains.length === 0) return 'cannot be used: the hub has no proxy.apps_domain'
  if (host.includes('*')) return 'must not be a wildcard'
  if (host.endsWith('.')) return 'must not end with a dot'
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0) return 'must be a name, not an address'
  if (host.includes(':')) return 'must be a host name without scheme and port'
  if (host.length > 253 || !host.split('.').every((label) => LABEL.test(label))) {
    return 'must be a host name: labels of letters, digits and hyphens (IDN in its xn-- form)'
  }
  if (domains.includes(host)) return `must be below ${host}, not ${host} itself`
  if (appsDomainOf(host, names) === null) return `must be below ${domains.join(' or ')}`
  if (host === hostOf(names.hubOrigin)) return "must not be the hub's own host"
  if (host === hostOf(names.signInOrigin)) return 'must not be the host where people sign in'
  return null
}

/** The fault of an alias, given in lower case, or null: a host, or a wildcard below a host that an app could have. */
export function aliasFault(alias: string, names: PublicNames): string | null {
  if (!alias.startsWith('*.')) return hostFault(alias, names)
  const rest = alias.slice(2)
  if (names.appsDomains.includes(rest)) return `must be *.LABEL.${rest}: ${alias} would cover every app`
  if ([names.hubOrigin, names.signInOrigin].some((origin) => coversHost(alias, hostOf(origin))))
    return "must not cover the hub's own host or the host where people sign in"
  return hostFault(rest, names)
}

const hostOf = (origin: string) => new URL(origin).hostname.toLowerCase()
