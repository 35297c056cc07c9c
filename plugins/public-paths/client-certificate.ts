import type { UnidentifiedRequest } from '@mezite/core/types'
import type { Authority } from './authority.ts'
import type { Check } from './rules.ts'

export type CertificateCheck = Extract<Check, { kind: 'certificate' }>

/**
 * Whether the connection of the request has shown a certificate that this rule means. TLS has verified it when the connection
 * began; the rules, and the time, may have changed since.
 */
export function provesSender(
  { ca, names }: CertificateCheck,
  { certificate }: Pick<UnidentifiedRequest, 'certificate'>,
  authorities: ReadonlyMap<string, Authority>,
  now: number,
): boolean {
  if (certificate === undefined || certificate.authorities !== authorities.get(ca)?.pems) return false
  if (!(certificate.validFrom <= now && now <= certificate.validTo)) return false
  return names.some((name) => certificate.names.some((one) => isNamed(name, one)))
}

/** A `*` stands for one label of a DNS name, and never for the `*` of a certificate for servers. */
function isNamed(pattern: string, name: string): boolean {
  if (!pattern.startsWith('dns:*.')) return pattern === name
  const [, label, rest] = /^dns:([a-z0-9_-]+)(\..+)$/.exec(name) ?? []
  return label !== undefined && rest === pattern.slice('dns:*'.length)
}
