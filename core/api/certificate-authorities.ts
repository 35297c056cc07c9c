import type { KeyObject, X509Certificate } from 'node:crypto'
import { serviceRef } from '../kernel/reference.ts'

export type AuthorityName = 'hub-ca' | 'agent-ca' | 'user-ca'

/**
 * `active` signs; `coming` does not sign yet but is already trusted; `overlap` no longer signs but is still trusted.
 */
export type AuthorityState = 'active' | 'coming' | 'overlap'

/** One key of an authority. Outside a rotation there is only one, the active key. */
export interface AuthorityKey {
  readonly id: string
  readonly state: AuthorityState
  /** `sha256:` + hex of the SubjectPublicKeyInfo. */
  readonly pin: string
  /** Milliseconds since the epoch. */
  readonly created: number
  /** When it entered this state, in milliseconds since the epoch. */
  readonly changed: number
  readonly expires: number
}

export interface IssuedCertificate {
  /** PEM, leaf only. */
  readonly certificate: string
  /** Milliseconds since the epoch. */
  readonly notAfter: number
  /** Lower-case hex. */
  readonly serial: string
  /** Id of the authority's key that signed it. */
  readonly authority: string
}

/**
 * The cluster's certificate authorities (P-256). Private keys are sealed in the database; the change sequence keeps
 * copies current.
 */
export interface Authorities {
  /** Certificates (PEM) that a verifier should trust now: the active one first, then those in overlap. */
  bundle(name: AuthorityName): readonly string[]
  /** `sha256:` + hex of the SubjectPublicKeyInfo of each hub CA certificate, comma-separated. */
  pin(): string
  /** The keys of an authority, the active one first. */
  keys(name: AuthorityName): readonly AuthorityKey[]
  /**
   * Id of the trusted key that signed a certificate, or null. Verifies a signature, so callers should cache the result.
   */
  issuerOf(name: AuthorityName, certificate: X509Certificate): string | null
  /** Whether certificates signed by the key with this id are trusted now. */
  trusts(name: AuthorityName, id: string): boolean
  /** Key and chain that the hub presents on Mezite's own protocols; made for the first connection, and renewed for later ones. */
  hubIdentity(): Promise<{ readonly key: string; readonly cert: string }>
  /** Verifies and signs an agent's CSR (PEM): EKU clientAuth, URI SAN `mezite://<cluster>/agent/<host>`. */
  issueAgent(input: { csr: string; hostname: string; generation: number }): Promise<IssuedCertificate>
  /** A certificate for a client key of a user (used by user-certs). */
  issueUser(input: {
    publicKey: KeyObject
    user: string
    sessionId: string
    notAfter: number
  }): Promise<IssuedCertificate>
}

/** The certificate authorities of the cluster. */
export const authorities = serviceRef<Authorities>('authorities')
