import type { Session } from './session.ts'

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
