import { serviceRef } from '../kernel/reference.ts'

/** What a program presents to prove that it is a bot. Texts are as received. */
export type BotProof =
  /** A JWT that a key of the bot signed (RFC 7523). `audiences`: the values of `aud` that are accepted. */
  | { readonly kind: 'assertion'; readonly jwt: string; readonly audiences: readonly string[] }
  /** An ID token of an issuer that the bot trusts. */
  | { readonly kind: 'id_token'; readonly jwt: string }
  /** The bot's secret. */
  | { readonly kind: 'secret'; readonly secret: string }

/** A bot that has proved itself, for `Sessions.open`. */
export interface ProvenBot {
  /** `bot:<name>`. */
  readonly user: string
  /** For `OpenSession.holder`: no session opens if the bot or one of its proofs was changed meanwhile. */
  readonly holder: string
  readonly roles: readonly string[]
  /** The longest that a session may last, in milliseconds. */
  readonly longestMs: number
  /** How the bot has proved itself, for `OpenSession.client` and the audit: `key ci-1`, `https://issuer.example`, `secret`. */
  readonly by: string
  /** For whom an agent acts, for the audit. */
  readonly actsFor?: { readonly user: string }
}

/** Verifies the proofs of programs with accounts of their own. Provided by bots. */
export interface BotLogins {
  /**
   * Verifies a proof, which counts once unless it is a secret. `bot` is the name with or without `bot:`.
   * Throws `Problem`: 401 `bot_refused` for whatever is wrong with the proof, so that strangers learn nothing; 403
   * `locked`, `address_not_allowed` and why an agent does not count, once the bot is known; 503 `issuer_unreachable` and `audit_unavailable`. Each
   * refusal is recorded as `user.login.failed` with its exact reason.
   */
  prove(input: {
    readonly bot: string
    readonly proof: BotProof
    readonly clientIp: string
    readonly requestId: string
  }): Promise<ProvenBot>
}

/** Verifies the proofs of programs with accounts of their own. */
export const botLogins = serviceRef<BotLogins>('botLogins')
