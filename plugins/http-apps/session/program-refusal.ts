import type { App } from '@mezite/core'
import type { Refusal } from '@mezite/core/protocol'
import type { Deps } from '../deps.ts'

/** Where the person of a login of `msh`, or of a program that acts for them, confirms with a passkey; null: that meets nothing. */
export function programPage(
  { publicNames }: Deps,
  { requirements, subject }: Refusal,
  app?: App,
): string | null {
  const isMet = requirements.every(({ name, maxAgeMs }) => name === 'session-mfa' || maxAgeMs !== undefined)
  if (!isMet || app === undefined || subject === null || subject.sessionId === null) return null
  // Neither has somebody who confirms in its session.
  if (subject.kind === 'bot' || subject.kind === 'device') return null
  const query = new URLSearchParams({ session: subject.sessionId, app: app.name })
  return `${publicNames.signInOrigin}/web/confirm?${query}`
}
