/** Where the proof of a bot comes from; it is read again each time. */
export type ProofSource =
  /** A private key in PEM that signs an assertion (RFC 7523). */
  | { readonly kind: 'key'; readonly file: string }
  /** A file with an ID token, which its platform keeps fresh. */
  | { readonly kind: 'id_token'; readonly file: string }
  /** An ID token in an environment variable. */
  | { readonly kind: 'id_token'; readonly env: string }
  /** GitHub Actions, which issues an ID token for each request. */
  | { readonly kind: 'github'; readonly audience: string }
  | { readonly kind: 'secret'; readonly file: string }
  | { readonly kind: 'secret'; readonly env: string }

/** A bot at one hub. */
export interface BotLogin {
  readonly name: string
  readonly source: ProofSource
}
