/** A way to sign in. Contributed by oidc (one choice for each connector) and webauthn. */
export interface SignInMethod {
  readonly name: string
  /** The choices that exist now; `id` is what a challenge carries as `connector`. */
  choices(): readonly { readonly id: string; readonly title: string }[]
}
