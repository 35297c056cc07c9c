import type { FastifyReply, FastifyRequest } from 'fastify'
import { serviceRef, slotRef } from '../kernel/reference.ts'
import { Problem } from './problem.ts'
import type { Session } from './sessions.ts'
import type { SatisfiedRequirement } from './subject.ts'
import type { User } from './users.ts'

/** Where a visitor continues after signing in. Sealed into `state`; never a URL. */
export interface LoginState {
  /** Public host of the app, or null for the hub's own pages. */
  readonly appHost: string | null
  /** Path and query, beginning with exactly one `/`. */
  readonly path: string
  /** SHA-256 (base64url) of the nonce cookie on the app's host; null for the hub's own pages. */
  readonly nonceHash: string | null
}

/** The end of every sign-in. */
export interface SignInDesk {
  /** Encrypts with an expiry of ten minutes; nothing is stored. */
  seal(state: LoginState): string
  /** Null when this cluster did not seal the text, or it was changed or is too old. */
  open(sealed: string): LoginState | null
  /**
   * Opens the hub session, sets its cookie, records `user.login` and sends the browser to `/web/continue`.
   * A session that this browser already had is ended first, so no id survives a sign-in.
   */
  complete(
    request: FastifyRequest,
    reply: FastifyReply,
    input: {
      readonly user: User
      readonly connector: string
      readonly method: string
      readonly state: string
      /** Called with the new session before its cookie is set; a rejection ends the session and nobody is signed in. */
      readonly opened?: (session: Session) => Promise<void>
    },
  ): Promise<FastifyReply>
  /** The hub session of this browser, if it has one that is alive. */
  sessionOf(request: FastifyRequest): Promise<Session | undefined>
  /**
   * Opens a further session for a program of the person who holds this hub session, and records `user.login`. It does
   * not depend on the browser's session, lasts at most `longestMs` and never longer than the roles allow from the
   * person's sign-in on; what ends that sign-in at the provider ends it too. Rejects with `Problem` 401 `login_required`
   * when the session has ended, 403 `locked`, 503 `audit_unavailable` and 503 `sign_in_failed`.
   */
  openProgramSession(
    allowing: Session,
    input: {
      readonly kind: 'hub' | 'cert'
      readonly longestMs?: number
      /** Names the program in the audit: `cli`, `msh`. */
      readonly method: string
      readonly clientIp: string
      readonly requestId: string
    },
  ): Promise<{ readonly session: Session; readonly token: string; readonly roles: readonly string[] }>
  /**
   * A requirement of the app in `state` was met in this hub session. Decides again, with `satisfied` counted for that
   * app, and issues the session ticket that the decision allows. Resolves to the URL where the browser goes next;
   * throws `Problem` when access is denied or the state is too old.
   */
  meet(
    request: FastifyRequest,
    input: {
      readonly session: Session
      readonly state: string
      readonly satisfied: Omit<SatisfiedRequirement, 'appId'>
    },
  ): Promise<string>
}

/** One button of the sign-in page. */
export interface SignInChoice {
  /** Becomes `Session.connector`. Unique among all methods. */
  readonly id: string
  /** Completes "Continue with …". */
  readonly title: string
}

/** A person whom a method has identified. */
export interface SignedIn {
  readonly user: User
  /** The `state` that `begin` received. */
  readonly state: string
  /** Called with the new session before its cookie is set; a rejection ends the session and the sign-in fails. */
  readonly opened?: (session: Session) => Promise<void>
}

/**
 * A way to sign in. The hub serves `GET /v1/webapi/<name>/login/<choice>` and `GET /v1/webapi/<name>/callback/<choice>` on
 * the sign-in host and shows a page for everything that `begin` and `callback` throw.
 */
export interface SignInMethod {
  readonly name: string
  /** Called for every visit. */
  choices(): readonly SignInChoice[]
  /** Sends the browser to the provider, or to a page of the plugin. `state` is opaque; keep it until the person is known. */
  begin(
    request: FastifyRequest,
    reply: FastifyReply,
    input: { readonly choice: string; readonly state: string },
  ): FastifyReply | Promise<FastifyReply>
  /** The browser is back from the provider. Rejects with `SignInFailure` or `Problem` when nobody is signed in. */
  callback?(request: FastifyRequest, reply: FastifyReply, choice: string): Promise<SignedIn>
  /**
   * Called before a hub session ends by sign-out: where to send the browser so that the provider's own session
   * ends too (absolute URL), or null. May take as long as a network call; a rejection counts as null.
   */
  signOut?(session: Session): Promise<string | null>
  /** A second session (of a command line) was made from the first; what ends the first at the provider ends both. */
  adopt?(from: Session, made: Session): Promise<void>
}

/** A sign-in that did not succeed, with more to say than a `Problem`. Throw it from `begin` or `callback`. */
export class SignInFailure extends Problem {
  /** False: any stranger can cause it without having begun to sign in, so it is logged and not recorded. */
  readonly recorded: boolean
  /** The `state` that `begin` received: the page offers to try again. */
  readonly state: string | null
  /** Further fields of `user.login.failed`, in their public spelling. */
  readonly fields: Readonly<Record<string, string>>

  /** `code` and `detail` as of a `Problem`; `title` is the heading of the page. */
  constructor(
    status: number,
    code: string,
    detail: string,
    more: {
      readonly title?: string
      readonly recorded?: boolean
      readonly state?: string
      readonly fields?: Readonly<Record<string, string>>
      readonly cause?: unknown
    } = {},
  ) {
    super(status, code, detail, more.title === undefined ? {} : { title: more.title })
    this.recorded = more.recorded ?? true
    this.state = more.state ?? null
    this.fields = more.fields ?? {}
    if (more.cause !== undefined) this.cause = more.cause
  }
}

/** A link on the home page of everyone who is signed in. */
export interface HomeLink {
  readonly title: string
  /** Path on the sign-in host. */
  readonly href: string
}

/** The end of every sign-in. */
export const signInDesk = serviceRef<SignInDesk>('signInDesk')

/** Ways to sign in. */
export const signInMethods = slotRef<SignInMethod>('signInMethods')

/** Links on the home page. */
export const homeLinks = slotRef<HomeLink>('homeLinks')
