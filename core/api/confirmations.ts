import type { JsonWebKey } from 'node:crypto'
import { serviceRef } from '../kernel/reference.ts'
import type { Language, Markup } from './pages.ts'
import type { Session } from './sessions.ts'

/** Leads people to confirm an action of a plugin with a passkey, or to sign a statement. */
export interface Confirmations {
  /**
   * Path of the page of the sign-in host where the person confirms, and from which the browser goes on to `path` of the same
   * host. The confirmation is an entry `session-mfa` in `Session.satisfied` of the hub session, with its time: accept one
   * that is fresh, and only once.
   */
  pathTo(path: string): string
  /**
   * Path of the page where the person confirms that a change of administration in this session, of a browser or of a command
   * line, is their own. The confirmation is an entry `session-mfa` in `Session.satisfied` of that session.
   */
  pathOf(session: string): string
  /** Adds statements that people sign with a passkey, which verifies them, on the page `/web/sign/NAME/ID` of the sign-in host. Call it in `setup`. */
  add(statements: Statements): void
}

/** Statements of a plugin. `accept` and `decline` resolve to the URL where the browser goes on, or reject with `Problem`. */
export interface Statements {
  /** Small letters, digits and hyphens; unique. */
  readonly name: string
  /** The statement, if this session may sign it now. */
  find(id: string, session: Session, language: Language): Promise<Statement | null>
  /** Takes a verified signature. */
  accept(id: string, session: Session, signature: PasskeySignature): Promise<string>
  decline(id: string, session: Session): Promise<string>
}

/** What a person sees, and the SHA-256 of what they sign, which is the challenge of the passkey. */
export interface Statement {
  readonly challenge: Uint8Array
  readonly title: string
  readonly body: Markup
}

/** An assertion of a passkey (WebAuthn Level 3, section 6.3.3). Texts are base64url. */
export interface PasskeySignature
  extends Readonly<Record<'credentialId' | 'authenticatorData' | 'clientDataJSON' | 'signature', string>> {
  readonly publicKey: JsonWebKey
}

/** Confirmations with a passkey, for actions other than opening an app. */
export const confirmations = serviceRef<Confirmations>('confirmations')
