import type { TLSSocket } from 'node:tls'
import { serviceRef } from '../kernel/reference.ts'
import type { Admission, AdmissionQuery, Caller, Refusal } from './admission.ts'
import type { App } from './app.ts'
import type { CertifiedCaller, CredentialDocument, CredentialRefusal } from './credentials.ts'
import type { DeniedAccess, Help, OfferedApp } from './denial-help.ts'
import type { OperationReader } from './operation-readers.ts'
import type { RequestHold } from './request-holds.ts'
import type { Subject } from './subject.ts'
import type { UnidentifiedRequest } from './verifiers.ts'

/** The only gate to apps: every protocol, and the hub's own launch page, calls `admit`. */
export interface Access {
  /**
   * Decides on one request for an app by session, connector, locks, policies, requirements, the app's state and audit
   * capacity. Returns an admission or a refusal; that of a known person has already been recorded. Synchronous
   * when session and decision are in memory. Never throws or rejects: a failing policy denies.
   */
  admit(query: AdmissionQuery): Admission | Refusal | Promise<Admission | Refusal>
  /**
   * Apps of every protocol, disabled ones included, that the subject may open from this address once it has met
   * `requirements`; sorted by name. Decides as `admit` does for the subject's session.
   */
  visible(subject: Subject, clientIp: string): Promise<readonly VisibleApp[]>
  /**
   * The caller by which an entry of `verifiers` admits a request without a credential, or what it must see of the body
   * before; null if none does. `cookie`: the request has the cookie of a session that has not been asked. Never throws.
   */
  verify(request: Omit<UnidentifiedRequest, 'readings'>, cookie?: boolean): Caller | VerificationDemand | null
  /** The entry of `requestHolds` that meets all that a refused request lacks; undefined if none does, or more is required. */
  holdFor(refusal: Refusal): RequestHold | undefined
  /** The entry of `operationReaders` whose reading is all that a refused request lacks; undefined if none is, or more is required. */
  readerFor(refusal: Refusal): OperationReader | undefined
  /** What plugins offer to somebody whom no policy lets in; empty for another reason. Never throws. */
  helpFor(denial: DeniedAccess): readonly Help[]
  /** Enabled apps that plugins offer the subject to ask for; those that it may open are among them. Never throws. */
  offersTo(subject: Subject): readonly OfferedApp[]
  /** Recognises the caller of a request or a connection, for `AdmissionQuery.who`. */
  readonly callers: Callers
}

/** A verifier needs the body of a request. */
export interface VerificationDemand {
  /** Bytes. */
  readonly limit: number
  /** The caller if the body cannot be read. */
  readonly unread: Caller
  /** Resolves to the caller, of kind `verified` or `refused`. */
  check(body: Buffer): Promise<Caller>
}

/** Reads the entries of the slot `credentials` for protocols. Nothing here decides about access, or throws. */
export interface Callers {
  /** Lower-case names of the headers that may carry a credential at apps' hosts; null if no entry reads a header. */
  readonly headers: ReadonlySet<string> | null
  /**
   * The caller of a request at an app's host; null if it names none. `certified` is the caller that a certificate has
   * proved. Synchronous unless the entry of a header that the request has waits.
   */
  ofRequest(request: PresentedRequest, certified?: Caller | null): Caller | null | Promise<Caller | null>
  /**
   * The caller of a connection with a client certificate; null if TLS has not verified one, or no entry accepts it.
   */
  ofCertificate(socket: TLSSocket): CertifiedCaller | null
  /** Values of `WWW-Authenticate` for a refusal at an app's host. */
  challenges(refusal: CredentialRefusal): readonly string[]
  /** The document that an entry serves at this path of apps' hosts. */
  documentAt(path: string): CredentialDocument | undefined
}

/** What the caller of a request at an app's host is read from. */
export interface PresentedRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly host: { readonly host: string; readonly port: number | null }
  readonly clientIp: string
  /** Name and value, in turn, of the lines that may go to the app; for `CredentialRequest.userAgent`. */
  readonly lines?: readonly string[]
  /** The `Cookie` lines. */
  readonly cookies: readonly string[]
  /** Lower-case name and value, in turn, of each line that `Callers.headers` names. */
  readonly proofs: readonly string[]
}

/** An app that a subject may open. */
export interface VisibleApp {
  readonly app: App
  /** Requirements that the subject has not met. */
  readonly requirements: readonly string[]
}

/**
 * Decides who may reach an app. Still beta: `callers` and `verify` are as young as the slots that they read, and only the
 * protocols of the standard set have used them.
 */
export const access = serviceRef<Access>('access')

/** The locks that administrators have set, read from memory. */
export interface LockView {
  /** The lock on the subject, or on the app if given; null if there is none. `message` is shown to the person. */
  lockFor(subject: Subject, app: App | null): { readonly message: string | null } | null
}

/** Locks on users, roles, sessions and apps. */
export const locks = serviceRef<LockView>('locks')
