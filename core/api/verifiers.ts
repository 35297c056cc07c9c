import { slotRef } from '../kernel/reference.ts'
import type { HiddenHeaders } from './admission.ts'
import type { App } from './app.ts'
import type { AccessRequest } from './decision.ts'
import type { HeaderLines } from './http-hooks.ts'

/**
 * Admits requests that name no caller: a webhook that its sender has signed, a CORS preflight. The hub
 * asks for a request to an app without a credential, or with the cookie of a session that has ended. An admitted request has no subject: the app gets no identity, but
 * `Mezite-Verified` with the name of the rule. Locks of the app and its state count as for everybody.
 */
export interface Verifier {
  /** Small letters, digits and hyphens; unique. */
  readonly name: string
  /**
   * What admits this request; null: nothing. Called for every stranger, so it must be cheap: decide by the app and the head. An
   * error admits nothing.
   */
  verify(request: UnidentifiedRequest): Verification | null
  /**
   * True if it is also asked for the openings of WebSockets, which live as long as the app and the client want. They have no body,
   * so that a rule that must check one does not admit them. Default: nobody opens WebSockets without a credential.
   */
  readonly webSockets?: boolean
  /**
   * True if it is asked before the cookie of a session counts, about apps whose document has a part of the plugin `name`. What it
   * admits has no subject and no cookie of the hub. Default: it is asked about a request with such a cookie only once that session has
   * ended.
   */
  readonly besideCookies?: boolean
  /**
   * The certificate authorities, as PEM, of the clients that this app wants to see; empty: none. Asked at each connection to a host of an
   * app whose document has a part of the plugin `name`, so return the same array for the same list. TLS then asks for a certificate and
   * admits every client, without one or with another one too: only `UnidentifiedRequest.certificate` says whom it has verified. The first entry
   * with a list decides.
   */
  clientCas?(app: App): readonly string[]
}

/** The certificate of a client that TLS has verified, and whose key the client has. Frozen. */
export interface ClientCertificate {
  /** Whom it names, on one line, at most 256 characters. */
  readonly subject: string
  /** SHA-256 of the certificate in lower-case hexadecimal digits. */
  readonly fingerprint256: string
  /** Its alternative names by their kind: `dns:` in lower case, `uri:` and `email:` as written. Those of other kinds, or with other characters than usual ones, are left out. */
  readonly names: readonly string[]
  /** From when to when it and those that the client has sent with it are valid, in milliseconds since the epoch. A connection may outlive it. */
  readonly validFrom: number
  readonly validTo: number
  /** The list of `Verifier.clientCas` by which it was verified: the same array. A verifier must compare it with its own of now. */
  readonly authorities: readonly string[]
}

/** A request without a credential. */
export interface UnidentifiedRequest {
  readonly app: App
  readonly method: string
  /** As received: path and query. */
  readonly target: string
  /** See `AccessRequest.readings`: a rule about paths must hold for each. */
  readonly readings: AccessRequest['readings']
  /** Canonical text. */
  readonly clientIp: string
  /** As received, without headers that only the hub sets. */
  readonly headers: HeaderLines
  /**
   * Origin of the page for which a browser asks whether it may send a request: a CORS preflight (Fetch standard), which has no
   * body. Null: it is none.
   */
  readonly preflightFrom: string | null
  /** True if it opens a WebSocket. Only entries with `webSockets` see such requests. */
  readonly webSocket?: true
  /** The certificate of the client, which TLS has verified. Never from a header, nor from a proxy that ends TLS. */
  readonly certificate?: ClientCertificate
  /** Why the certificate that the client has sent proves nothing, such as `CERT_HAS_EXPIRED`. `TRUSTED_PROXY`: a proxy ends TLS, so that no certificate arrives. */
  readonly certificateFault?: string
}

/** A rule of the app that admits a request. */
export interface Verification {
  /** The name of the rule, which the app and the records get: small letters, digits and hyphens. */
  readonly rule: string
  /** The head is enough to refuse the request, with this reason: its proof is not valid, or its sender uses the rule too often. */
  readonly refuse?: 'verification_failed' | 'too_many_requests'
  /** Lower-case names of headers that the app must not see, because they carry a secret. */
  readonly hides?: HiddenHeaders
  /** What must be checked in the body, if the head is not enough. */
  readonly body?: {
    /** A longer body is refused; at most 1,048,576 bytes. */
    readonly limit: number
    /**
     * Whether the body admits the request, such as by its signature. An error does not, and neither does a promise that
     * takes longer than 2 s. The app receives exactly these bytes.
     */
    check(body: Buffer): boolean | Promise<boolean>
  }
}

/** What admits requests without a caller. */
export const verifiers = slotRef<Verifier>('verifiers')
