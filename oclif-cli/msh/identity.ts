import type { ProxyAddress } from '@mezite/cli-shared'

/** Who somebody is to a hub, and what proves it: a login on this machine, or an identity file. */
export interface Identity {
  readonly proxy: ProxyAddress
  readonly user: string
  readonly cluster: string
  /** PEM, PKCS #8. */
  readonly key: string
  /** PEM. */
  readonly certificate: string
  /** PEM bundle. */
  readonly hubCa: string
  /** Milliseconds since the epoch: the end of the certificate. */
  readonly expires: number
  readonly sessionId: string | null
  /** Roles as they were at the login; empty when not known. */
  readonly roles: readonly string[]
  /** Credential for the JSON API; an identity file has none. */
  readonly token: string | null
  /** PEM of the authority to trust for the hub's web certificate, besides the system's. */
  readonly ca: string | null
  /** The identity file; null for a login. */
  readonly file: string | null
}
