import type { FastifyReply, FastifyRequest } from 'fastify'
import { serviceRef, slotRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Language, Markup } from './pages.ts'
import { Problem } from './problem.ts'
import type { Session } from './sessions.ts'
import type { SatisfiedRequirement } from './subject.ts'
import type { User } from './users.ts'

/** Where a visitor continues after signing in. Sealed into `state`; never a URL. */
export interface LoginState {
  /** Public host of the app, or null for the hub's own pages. */
  readonly appHost: string | null
  /** Path and query, starting with exactly one `/`. */
  readonly path: string
  /** SHA-256 (base64url) of the nonce cookie on the app's host; null for the hub's own pages. */
  readonly nonceHash: string | null
  /** Whether the browser has stored a fragment for the end of the sign-in; undefined while that is not known. */
  readonly fragment?: boolean | undefined
  /**
   * The request that the gate decides about instead of a GET of `path`: method and target, with `websocket` for the opening of one
   * (`POST /users`, `GET /live websocket`).
   */
  readonly wanted?: string | undefined
}

/**
 * What the pages of sign-in need from the hub: it seals where a visitor wants to go, opens and ends the sessions of browsers,
 * and asks the gate whether a person may go on. The pages themselves are those of the plugin `sign-in`. A plugin with others,
 * for hubs that turn it off, serves these paths of the sign-in host, to which the hub, apps and other plugins send browsers:
 * - `GET /web/launch?host=…&path=…&nonce=…`, from an app's host: read it with `targetOf`, and continue with `next`.
 * - `GET /web/continue?state=…`, after a sign-in: `open`, and `next`.
 * - `GET /web/login?state=…`, to sign in whoever comes, for `state` or the home page.
 * - `GET /`, and for signed-in people `GET /web/account` and `GET` and `POST /web/logout`.
 * - The paths of every `SignInMethod` of the hub.
 */
export interface SignInDesk {
  /** Encrypts the state, valid for ten minutes; the hub does not store it. */
  seal(state: LoginState): string
  /** The connector through which people must sign in for this host of an app; null: any. Unknown hosts are like most. */
  connectorFor(appHost: string): string | null
  /** Null when the text was not sealed by this cluster, was changed, or has expired. */
  open(sealed: string): LoginState | null
  /**
   * Opens the hub session, sets its cookie, records `user.login` and sends the browser to `/web/continue`.
   * Ends the browser's existing session first, so no session id survives a sign-in.
   */
  complete(
    request: FastifyRequest,
    reply: FastifyReply,
    input: {
      readonly user: User
      readonly connector: string
      readonly method: string
      readonly state: string
      /**
       * Called with the new session before its cookie is set; if it rejects, the session ends and the sign-in fails.
       */
      readonly opened?: (session: Session) => Promise<void>
    },
  ): Promise<FastifyReply>
  /** The live hub session of this browser, if any. */
  sessionOf(request: FastifyRequest): Promise<Session | undefined>
  /** Removes the cookie of a hub session that has ended from the browser, if it has sent one. */
  clearCookie(request: FastifyRequest, reply: FastifyReply): void
  /**
   * Reads the query of `/web/launch`. Null if host or nonce do not have the form that an app's host sends. Accepts hosts
   * without an app, because before sign-in all hosts below the domain respond in the same way.
   */
  targetOf(query: Readonly<Record<string, unknown>>): LoginState | null
  /**
   * Where the browser goes next on its way to `state`: asks the gate about this browser's session, and resolves to the app's
   * host with a one-use ticket, to the page of an unmet requirement, or to the page of the sign-in host. Null: the person has
   * to sign in. Redirect with `Referrer-Policy: no-referrer`, because the URL may contain a ticket. Throws `Problem` when
   * access is denied.
   */
  next(request: FastifyRequest, state: LoginState): Promise<string | null>
  /**
   * Opens a session for a program of the person who owns this hub session, and records `user.login`. The new session
   * does not depend on the browser's session. It lasts at most `longestMs`, and no longer after the person's sign-in
   * than the roles allow; a sign-out at the provider ends it too. Rejects with `Problem` 401 `login_required` when the
   * hub session has ended, 403 `locked`, 503 `audit_unavailable` and 503 `sign_in_failed`.
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
   * Links a session that was opened from this hub session, and does not depend on it, with the sign-in at the provider: what
   * ends that sign-in ends both. Otherwise ends `made` and rejects with `Problem` 401 `login_required` when the hub session
   * has ended, and 503 `sign_in_failed`.
   */
  adopt(from: Session, made: Session): Promise<void>
  /**
   * A requirement of the app in `state` was met in this hub session. Decides again, counting `satisfied` for that app,
   * and issues a session ticket if access is allowed. Resolves to the URL to which the browser goes next; throws
   * `Problem` when access is denied or the state has expired.
   */
  meet(
    request: FastifyRequest,
    input: {
      readonly session: Session
      readonly state: string
      readonly satisfied: Omit<SatisfiedRequirement, 'appId'>
    },
  ): Promise<string>
  /**
   * Asks the gate whether this hub session may reach the app, for a page on which the person lets a program in. While a
   * requirement is unmet, `location` is the page that meets it; the browser then returns to `path`, a path of the sign-in
   * host, with the query parameter `met`, which the next call takes. Otherwise `location` is null, and the session of
   * the program is opened with `satisfied`. Throws `Problem` when access is denied.
   */
  prepare(
    request: FastifyRequest,
    input: {
      readonly session: Session
      readonly app: App
      readonly path: string
      readonly met?: string
    },
  ): Promise<ProgramAccess>
}

/** See `SignInDesk.prepare`. */
export interface ProgramAccess {
  readonly location: string | null
  /** The requirements of this app that the decision depends on. */
  readonly satisfied: readonly SatisfiedRequirement[]
}

/** One button of the sign-in page. */
export interface SignInChoice {
  /** Becomes `Session.connector`. Unique among all methods. */
  readonly id: string
  /** Completes "Continue with …". */
  readonly title: string
  /** Host name of the provider, from which the page chooses an icon. */
  readonly host?: string
}

/** A method's own part of the sign-in page. */
export interface SignInForm {
  readonly body: Markup
  /** Paths of classic scripts on the sign-in host. */
  readonly scripts: readonly string[]
}

/** A person whom a method has identified. */
export interface SignedIn {
  readonly user: User
  /** The `state` that `begin` received. */
  readonly state: string
  /** Called with the new session before its cookie is set; if it rejects, the session ends and the sign-in fails. */
  readonly opened?: (session: Session) => Promise<void>
}

/**
 * A way to sign in. The plugin `sign-in` serves `GET /v1/webapi/<name>/login/<choice>` and
 * `GET /v1/webapi/<name>/callback/<choice>` on the sign-in host, and shows a page for every error that `begin` or `callback`
 * throws.
 */
export interface SignInMethod {
  readonly name: string
  /** Called for every visit. */
  choices(): readonly SignInChoice[]
  /**
   * A part of the sign-in page itself, in place of the buttons of the method's choices: shown when there are several ways
   * to sign in. May set cookies.
   */
  form?(reply: FastifyReply, input: { readonly state: string }): SignInForm | null
  /** Sends the browser to the provider, or to a page of the plugin. `state` is opaque; keep it until the person is known. */
  begin(
    request: FastifyRequest,
    reply: FastifyReply,
    input: {
      readonly choice: string
      readonly state: string
      /** The person wants another account than the one that the provider would choose. */
      readonly another?: boolean
    },
  ): FastifyReply | Promise<FastifyReply>
  /**
   * Handles the browser's return from the provider. Rejects with `SignInFailure` or `Problem` when the sign-in fails.
   * Null: nobody signs in, and the method has sent the response itself.
   */
  callback?(request: FastifyRequest, reply: FastifyReply, choice: string): Promise<SignedIn | null>
  /**
   * Whether the browser returns from a test of a choice that does not exist yet. Only then is `callback` called for a choice that is
   * not one of `choices()`, and nobody can be signed in by it.
   */
  isTest?(request: FastifyRequest): boolean
  /**
   * Called before a sign-out ends a hub session. Returns the absolute URL at which the browser also ends the provider's
   * session, or null. May make a network call; a rejection counts as null.
   */
  signOut?(session: Session): Promise<string | null>
  /**
   * A second session was created from the first: of a command line, or (`token`) of a program that the person has let in. What
   * ends the person's access at the provider must end both, and a sign-out there the one of a command line too.
   */
  adopt?(from: Session, made: Session): Promise<void>
}

/** A failed sign-in with more details than a `Problem`. Throw it from `begin` or `callback`. */
export class SignInFailure extends Problem {
  /** False if anyone can cause the failure without having started a sign-in: it is then logged but not audited. */
  readonly recorded: boolean
  /** The `state` that `begin` received, with which the page offers to try again. */
  readonly state: string | null
  /** Additional fields of `user.login.failed`, in their public spelling. */
  readonly fields: Readonly<Record<string, string>>

  /** `code` and `detail` are as in `Problem`; `title` is the heading of the page. */
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

/** An entry of the navigation for signed-in users. */
export interface HomeLink {
  readonly title: string
  /** The title in other languages. */
  readonly titles?: Partial<Readonly<Record<Language, string>>>
  /** Path on the sign-in host. */
  readonly href: string
  /** Shown only to users with this role. Default: to all. */
  readonly role?: string
  /**
   * Called for each page: null hides the entry from this person, and a number above 0 is shown beside the title, as what
   * waits for the person. Synchronous: read from memory.
   */
  count?(person: { readonly user: string; readonly roles: readonly string[] }): number | null
}

/** Completes every sign-in. */
export const signInDesk = serviceRef<SignInDesk>('signInDesk')

/** Ways to sign in. */
export const signInMethods = slotRef<SignInMethod>('signInMethods')

/** Entries of the navigation. */
export const homeLinks = slotRef<HomeLink>('homeLinks')
