import type { X509Certificate } from 'node:crypto'
import type { Authority } from './authority.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
const DEFAULT_CHECK_MS = 6 * 60 * MINUTE_MS

const validity = (leaf: X509Certificate) => {
  const from = leaf.validFromDate.getTime()
  return { from, lifetime: leaf.validToDate.getTime() - from }
}

/** At two thirds of the lifetime, up to a fiftieth of it earlier, so that many certificates do not renew together. */
export function renewalTime(leaf: X509Certificate, random = Math.random()): number {
  const { from, lifetime } = validity(leaf)
  return Math.round(from + (lifetime * 2) / 3 - (random * lifetime) / 50)
}

/** From when on a certificate that should have been renewed needs an operator: five sixths of its lifetime. */
export function overdueTime(leaf: X509Certificate): number {
  const { from, lifetime } = validity(leaf)
  return Math.round(from + (lifetime * 5) / 6)
}

/** Identifies a certificate to its authority (RFC 9773, section 4.1); null if it does not name its issuer's key. */
export async function renewalId(leaf: X509Certificate): Promise<string | null> {
  await import('reflect-metadata')
  const { AuthorityKeyIdentifierExtension, X509Certificate: Parsed } = await import('@peculiar/x509')
  const { keyId } = new Parsed(leaf.raw).getExtension(AuthorityKeyIdentifierExtension) ?? {}
  if (keyId === undefined) return null
  const hex = leaf.serialNumber.padStart(Math.ceil(leaf.serialNumber.length / 2) * 2, '0')
  // As in DER: positive.
  const serial = Number.parseInt(hex.slice(0, 2), 16) > 127 ? `00${hex}` : hex
  const text = (bytes: string) => Buffer.from(bytes, 'hex').toString('base64url')
  return `${text(keyId)}.${text(serial)}`
}

/** When the authority wants a certificate renewed, and when to ask again; null if it has no opinion. */
export async function suggestedRenewal(
  authority: Authority,
  leaf: X509Certificate,
  now: number,
): Promise<{ readonly renewAt: number | null; readonly checkAt: number } | null> {
  const { renewalInfo } = await authority.directory()
  const id = await renewalId(leaf)
  if (renewalInfo === undefined || id === null) return null
  const { data, headers } = await authority.get(`${renewalInfo.replace(/\/$/, '')}/${id}`)
  const { start, end } = Object(Object(data).suggestedWindow) as { start?: string; end?: string }
  const [from, to] = [Date.parse(start ?? ''), Date.parse(end ?? '')]
  const after = Number(headers['retry-after']) * 1_000
  const waitMs = Number.isFinite(after) ? Math.min(Math.max(after, MINUTE_MS), DAY_MS) : DEFAULT_CHECK_MS
  // A window without an end, or one that is turned round, says nothing (section 4.2).
  const renewAt = from < to ? Math.round(from + Math.random() * (to - from)) : null
  return { renewAt, checkAt: now + waitMs }
}
