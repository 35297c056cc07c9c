import { escapeText } from './text-escaping.ts'
import { formatTime } from './time.ts'

/** The hub's response to a request for an enrolment link, with which a user adds a passkey. */
export interface EnrolmentLink {
  readonly id: string
  readonly link: string
  readonly expires: string
  /** The user must also sign in at the identity provider. */
  readonly needs_sign_in: boolean
}

/** The link and what to do with it, for people. */
export function enrolmentText({ link, expires, needs_sign_in }: EnrolmentLink): string {
  const more = needs_sign_in ? ' The user also has to sign in.' : ''
  return `Link: ${escapeText(link)}\nSend it to the user. It works once and expires ${formatTime(expires)}.${more}`
}
