import { serviceRef } from '../kernel/reference.ts'

/** Leads people to confirm an action of a plugin with a passkey. */
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
}

/** Confirmations with a passkey, for actions other than opening an app. */
export const confirmations = serviceRef<Confirmations>('confirmations')
