import type { FastifyReply, FastifyRequest } from 'fastify'
import { serviceRef, slotRef } from '../kernel/reference.ts'
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

/** The desk at which every sign-in method ends. */
export interface SignInDesk {
  /** Encrypts with an expiry of ten minutes; nothing is stored. */
  seal(state: LoginState): string
  /** Null when the text is not ours, was changed or is too old. */
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
      /** Told of the new session before the cookie leaves; when it rejects, the session is ended and nobody is signed in. */
      readonly opened?: (session: Session) => Promise<void>
    },
  ): Promise<FastifyReply>
  /** The hub session of this browser, if it has one that lives. */
  sessionOf(request: FastifyRequest): Promise<Session | undefined>
  /**
   * A requirement of the app in `state` was answered in this hub session. Decides anew, `satisfied` counted for that
   * app, and makes the one hand-over that the answer is worth. Resolves to the URL where the browser goes next;
   * throws `Problem` when access is refused or the state is too old.
   */
  meet(
    request: FastifyRequest,
    input: {
      readonly session: Session
      readonly state: string
      readonly satisfied: Omit<SatisfiedRequirement, 'appId'>
    },
  ): Promise<string>
  /** Records `user.login.failed` and answers with a page (or problem) that says why. */
  fail(
    request: FastifyRequest,
    reply: FastifyReply,
    input: {
      readonly connector: string
      readonly method: string
      readonly reason: string
      readonly status: number
      readonly detail: string
      readonly user?: string
      /** False for what any stranger can cause without having begun to sign in: it is logged, not recorded. */
      readonly audited?: boolean
    },
  ): Promise<FastifyReply>
}

/** A way to sign in. Contributed by oidc (one choice for each connector) and webauthn. */
export interface SignInMethod {
  readonly name: string
  /** The choices that exist now; `id` is what a challenge carries as `connector`. */
  choices(): readonly { readonly id: string; readonly title: string }[]
  /** A page of this method's own for people who are signed in, linked from their home page. */
  readonly account?: { readonly title: string; readonly href: string }
  /**
   * Asked before a hub session ends by sign-out: where to send the browser so that the provider's own session
   * ends too (absolute URL), or null. May take as long as a network call; a rejection counts as null.
   */
  signOut?(session: Session): Promise<string | null>
  /** A second session (of a command line) was made from the first; what ends the first at the provider ends both. */
  adopt?(from: Session, made: Session): Promise<void>
}

/** Where every sign-in method ends. */
export const signInDesk = serviceRef<SignInDesk>('signInDesk')

/** Ways to sign in. */
export const signInMethods = slotRef<SignInMethod>('signInMethods')
