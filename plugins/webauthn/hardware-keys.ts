import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Log } from '@mezite/core'
import type { WebauthnSettings } from './config.ts'
import type { KeyRow } from './migrations.ts'

const MAX_CHAIN = 5
const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

/**
 * Decides which passkeys count as `hardware_key`: those that are never synced and whose attestation certificate leads to a
 * configured root. Any software can claim a model number (AAGUID), so without roots nothing qualifies. Transports and
 * attachment are unsigned claims too and are ignored. Throws when a file of roots cannot be read.
 */
export function createHardwareKeys(settings: WebauthnSettings['hardware_key'], log: Log) {
  const roots = (settings?.roots ?? []).flatMap((file) => readRoots(file))
  const aaguids = new Set((settings?.aaguids ?? []).map((text) => text.toLowerCase()))
  const known = new Set(roots.map(({ fingerprint256 }) => fingerprint256))
  if (settings === undefined) {
    log.info({}, 'no key counts as hardware_key: plugins.webauthn.hardware_key is not configured')
  } else if (roots.length === 0) {
    log.warn({}, 'no key counts as hardware_key: plugins.webauthn.hardware_key has no roots')
  }

  return {
    /** Whether passkeys are asked for an attestation. */
    configured: roots.length > 0,

    /** Fingerprint of the root that the certificates (leaf first, DER) lead to at this time, or null. */
    rootOf(chain: readonly Uint8Array[], now: number): string | null {
      if (chain.length === 0 || chain.length > MAX_CHAIN) return null
      try {
        const certificates = chain.map((der) => new X509Certificate(der))
        if (!certificates.every((one) => isValid(one, now)) || certificates[0]!.ca) return null
        for (const [at, certificate] of certificates.entries()) {
          const root = roots.find((one) => isValid(one, now) && isIssued(certificate, one))
          if (root) return root.fingerprint256
          const next = certificates[at + 1]
          if (!next || !isIssued(certificate, next)) return null
        }
      } catch {
        // An unreadable certificate does not prove anything.
      }
      return null
    },

    /** Checked at each use, so that a changed configuration applies to existing passkeys too. */
    qualifies(key: Pick<KeyRow, 'backup_eligible' | 'attested_root' | 'aaguid'>): boolean {
      if (key.backup_eligible !== 0 || key.attested_root === null || !known.has(key.attested_root))
        return false
      return aaguids.size === 0 || aaguids.has(key.aaguid.toLowerCase())
    },
  }
}

export type HardwareKeys = ReturnType<typeof createHardwareKeys>

function readRoots(file: string): X509Certificate[] {
  const found = readFileSync(file, 'utf8').match(PEM) ?? []
  if (found.length === 0) throw new Error(`${file} does not contain a PEM certificate`)
  return found.map((pem) => new X509Certificate(pem))
}

const isValid = ({ validFromDate, validToDate }: X509Certificate, now: number) =>
  validFromDate.getTime() <= now && now <= validToDate.getTime()

const isIssued = (certificate: X509Certificate, by: X509Certificate) =>
  by.ca && certificate.checkIssued(by) && certificate.verify(by.publicKey)
