import { escapeText, showTime } from '@mezite/cli-shared'

/** What the hub answers when it makes a one-use link to enrol a key. */
export interface EnrolmentLink {
  readonly id: string
  readonly link: string
  readonly expires: string
  /** The person signs in at their provider as well. */
  readonly needs_sign_in: boolean
}

/** The link with what to do with it, for people. */
export function linkText({ link, expires, needs_sign_in }: EnrolmentLink): string {
  const who = needs_sign_in ? 'who signs in as well, ' : ''
  return `Link: ${escapeText(link)}\nGive it to the person, ${who}it works once and ends ${showTime(expires)}`
}
