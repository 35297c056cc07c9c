import type { KeyObject } from 'node:crypto'

export type AuthorityName = 'hub-ca' | 'agent-ca' | 'user-ca'

export interface IssuedCertificate {
  /** PEM, leaf only. */
  readonly certificate: string
  /** Milliseconds since the epoch. */
  readonly notAfter: number
  /** Lower-case hex. */
  readonly serial: string
}

/** The cluster's certificate authorities. P-256; private keys sealed in the database. */
export interface Authorities {
  /** Certificates (PEM) that a verifier should trust now: the active one first, then those in overlap. */
  bundle(name: AuthorityName): readonly string[]
  /** `sha256:` + hex of the SubjectPublicKeyInfo of each hub CA certificate, comma-separated. */
  pin(): string
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
