import type { X509Certificate } from 'node:crypto'
import { slotRef } from '../kernel/reference.ts'
import type { Caller } from './admission.ts'
import type { App } from './app.ts'
import type { Transaction } from './database.ts'

/**
 * One way to say who sends a request or opens a connection: the cookie of a session, a token in a header, or the
 * certificate of a client. An entry only recognises its credential and names the session that it stands for; the hub looks
 * the session up (`Sessions.find`, which limits what unknown tokens cost), and the gate decides for it as for any other.
 *
 * A cookie is sent by the browser whatever page asks, so it does not count beside another credential. Two credentials
 * that are not cookies are refused with 400 `credentials_ambiguous`. A credential that is recognised but not valid is
 * refused; the hub does not fall back to a cookie.
 *
 * The plugin opens the sessions with `Sessions.open`, usually of kind `token` and bound to `apps`, and revokes them with
 * `Sessions.end`: their streams are cut on every hub.
 */
export type Credential = CookieCredential | HeaderCredential | CertificateCredential

/** `app`: at apps' hosts; `api`: at the hub's own host, for its JSON API and its pages. */
export type CredentialPlace = 'app' | 'api'

export interface NamedCredential {
  /** Small letters, digits and hyphens; unique. */
  readonly name: string
  /** Accounts of programs that have sessions by this credential. */
  readonly bots?: Bots
}

/** A credential in a cookie. */
export interface CookieCredential extends NamedCredential {
  readonly from: 'cookie'
  readonly at: CredentialPlace
  /** Must begin with `__Host-mezite`: the hub removes these cookies before it forwards a request. */
  readonly cookie: string
  /** The caller; null if the value cannot be this credential, and so counts as absent. Called before anybody is known, so it must be cheap. */
  read(value: string): Caller | null
}

/** A credential in a request header. */
export interface HeaderCredential extends NamedCredential {
  readonly from: 'header'
  readonly at: CredentialPlace
  /**
   * Lower-case names of the headers that may carry it. At the API, only bearer tokens in `authorization`. Entries share
   * `authorization`, `mezite-token` and `dpop`, whose values say what they are; every other header is one entry's own.
   * Of the names that begin with `mezite-`, only `mezite-token` and `mezite-device` may carry one.
   */
  readonly headers: readonly string[]
  /**
   * The caller that one line of one of `headers` presents. Null if the line is not this credential: the app then receives
   * it unchanged. A line that is recognised is removed before the request is forwarded, with the headers that
   * `Caller.hides` names. Called before anybody is known, so it must be cheap; a promise may take 2 seconds. An error
   * refuses the request.
   */
  read(value: string, request: CredentialRequest): Caller | null | Promise<Caller | null>
  /**
   * A challenge for the header `WWW-Authenticate` of a refusal at an app's host; null for none. It must not depend on
   * whether an app exists.
   */
  challenge?(refusal: CredentialRefusal): string | null
  /** A JSON document at an app's host that describes how programs get this credential. */
  readonly document?: CredentialDocument
}

/** A credential in the certificate of a client, which TLS has verified against the user authority. */
export interface CertificateCredential extends NamedCredential {
  readonly from: 'certificate'
  /** The caller; null if the certificate is not this credential or is not valid now. */
  read(certificate: X509Certificate): CertifiedCaller | null
}

/** The session of a certificate. */
export interface CertifiedCaller {
  readonly kind: 'cert'
  readonly sessionId: string
  /** Whose session it must be. */
  readonly user: string
  /** When the certificate expires, in milliseconds since the epoch. */
  readonly expires: number
}

/** What an entry may read of a request beside its own header. */
export interface CredentialRequest {
  readonly method: string
  /** `https:`, with the host and the target as the client sent them. */
  readonly url: string
  /** Canonical text. */
  readonly clientIp: string
  /** The value of `User-Agent` of a request to an app; empty without one. Absent at the API. */
  readonly userAgent?: string
  /** The values of one of the entry's `headers`, by its lower-case name. */
  header(name: string): readonly string[]
}

/** A refusal to which challenges are added. */
export interface CredentialRefusal {
  /** The public origin of the host. */
  readonly origin: string
  readonly status: number
  /** The reason code. */
  readonly code: string
  /** Whether the request presented a credential in a header. */
  readonly presented: boolean
  /** `Requirement.maxAgeMs` of the requirement that is not met; null if there is none. */
  readonly maxAgeMs: number | null
  /** Path and query as the client sent them. */
  readonly target: string
  /** The value of `User-Agent`; empty without one. */
  readonly userAgent: string
}

/** See `HeaderCredential.document`. */
export interface CredentialDocument {
  /** Below `/.well-known/`. The hub serves GET and HEAD of exactly this path; other requests go to the app. */
  readonly path: string
  /** The content; null leaves the path to the app. `app` is undefined if no app has this host. */
  of(origin: string, app: App | undefined): object | null
}

/** Accounts of programs: names that begin with `bot:`, which no person can have. */
export interface Bots {
  /**
   * The account with this name; undefined if there is none. Read from memory, and changed only with the revision.
   */
  find(name: string): Bot | undefined
  /** The names of all accounts. Read from memory. */
  names(): Iterable<string>
  /** The same as the transaction sees it. */
  findIn(trx: Transaction, name: string): Promise<Pick<Bot, 'holder' | 'actsFor'> | undefined>
}

/** One account of a program. The gate makes a subject of kind `bot` from it. */
export interface Bot {
  readonly roles: readonly string[]
  /** Changes when the name is given to another account, so that the next holder gets no session of the former. */
  readonly holder: string
  /** Whether it may call the hub's API as its roles allow. Default: only the part about itself, `/v1/webapi/me`. */
  readonly api?: boolean
  /** Whether it may call the API from this address, in canonical text. Default: any. Policies decide about apps. */
  allowsFrom?(clientIp: string): boolean
  /**
   * The person for whom it acts, who has agreed: it may do what both may, and never calls the API as its roles allow. While no user has this
   * name and holder, there is no such account.
   */
  readonly actsFor?: { readonly user: string; readonly holder: string }
  /** Counts a request to an app at this hub, once it is admitted. False: the account has had its share. Default: no limit. */
  takeRequest?(): boolean
}

/** How callers identify themselves. */
export const credentials = slotRef<Credential>('credentials')
