import { slotRef } from '../kernel/reference.ts'

/** A certificate chain and its key, both PEM. */
export interface ServerCertificate {
  /** The certificate of the server first, then its chain. */
  readonly cert: string
  readonly key: string
}

/** The state of one certificate, for `mezctl status`, metrics and the list of what needs attention. */
export interface CertificateState {
  /** Unique among all certificates of the hub, such as `https_keypair` or `apps.example.com`. */
  readonly subject: string
  /** DNS names, in lower case; wildcards as written. */
  readonly names: readonly string[]
  /** When it expires, in milliseconds since the epoch; null if there is none yet. */
  readonly expires: number | null
  /** Why there is no certificate yet, or no newer one, as a sentence for an operator; null if all is well. */
  readonly problem: string | null
  /**
   * From when on it should have been renewed, in milliseconds since the epoch: until then nobody is warned of its expiry.
   * Default: some weeks before it expires.
   */
  readonly overdue?: number
}

/**
 * Provides the certificates that browsers see for some host names. The files of `proxy.https_keypair` and
 * `proxy.apps_keypair` are the first source; then plugins follow in the order of their setup. The first source that covers a
 * host serves it, alone: while it has no certificate, clients get the TLS alert `unrecognized_name` and no certificate of
 * another source. All methods run in the path of each new connection, also for names that a stranger has made up: they must
 * be fast, do no I/O and keep nothing. A method that throws counts as one that returned nothing.
 */
export interface CertificateSource {
  /** In logs, such as `acme`. */
  readonly name: string
  /**
   * Whether this source serves the host now, or will once it has the certificate. The hub asks from the end of `setup` on,
   * before `lifecycle.start`: without `https_keypair` it only starts if a source covers its own host, and `apps register`
   * accepts an app whose host a source covers.
   */
  covers(host: string): boolean
  /**
   * The certificate for a host that it covers; null while there is none. Return the same object until the certificate
   * changes. The hub serves none that does not name the host or does not match its key.
   */
  certificateFor(host: string): ServerCertificate | null
  /** All certificates that it has or waits for. */
  states(): readonly CertificateState[]
  /**
   * An ALPN name of its own, such as `acme-tls/1` (RFC 8737). The hub completes a handshake that offers only this name with
   * the certificate that `alpnCertificate` returns, then closes the connection.
   */
  readonly alpn?: string
  /** The certificate that proves control over the host; null, and an alert, if nothing is to be proved now. */
  alpnCertificate?(host: string): ServerCertificate | null
  /**
   * The body for `GET http://HOST/.well-known/acme-challenge/TOKEN` on `proxy.redirect_addr` (RFC 8555, section 8.3). Null:
   * the request is redirected like any other.
   */
  httpChallenge?(host: string, token: string): string | null
}

/** Sources of the certificates that browsers see. */
export const certificates = slotRef<CertificateSource>('certificates')
