import type { KeyObject, X509Certificate } from 'node:crypto'
import { serviceRef } from '../kernel/reference.ts'

export type AuthorityName = 'hub-ca' | 'agent-ca' | 'user-ca'

/** `active` signs; `coming` will, and is trusted already; `overlap` does no more, and is trusted still. */
export type AuthorityState = 'active' | 'coming' | 'overlap'

/** One key of an authority. Outside a rotation there is just one, which is active. */
export interface AuthorityKey {
  readonly id: string
  readonly state: AuthorityState
  /** `sha256:` + hex of the SubjectPublicKeyInfo. */
  readonly pin: string
  /** Milliseconds since the epoch. */
  readonly created: number
  /** Since when it is in this state. */
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
  /** Id of the key of the authority that signed it. */
  readonly authority: string
}

/** The cluster's certificate authorities. P-256; private keys sealed in the database; true by the change sequence. */
export interface Authorities {
  /** Certificates (PEM) that a verifier should trust now: the active one first, then those in overlap. */
  bundle(name: AuthorityName): readonly string[]
  /** `sha256:` + hex of the SubjectPublicKeyInfo of each hub CA certificate, comma-separated. */
  pin(): string
  /** The keys of an authority, the active one first. */
  keys(name: AuthorityName): readonly AuthorityKey[]
  /** Id of the trusted key that signed a certificate; null: none did. A signature is verified, so keep the answer. */
  issuerOf(name: AuthorityName, certificate: X509Certificate): string | null
  /** Whether certificates of the key with this id count now. */
  trusts(name: AuthorityName, id: string): boolean
  /** Key and chain that the hub shows on Mezite's own protocols; renewed by itself. */
  hubIdentity(): { readonly key: string; readonly cert: string }
  /** Signs an agent's CSR (PEM): EKU clientAuth, URI SAN `mezite://<cluster>/agent/<host>`. Verifies the CSR. */
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
