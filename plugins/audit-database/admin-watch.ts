import type { AdminRights, Revisions, Sessions, Subject } from '@mezite/core'

/** The sender of a request. */
export interface Asker {
  readonly subject: Subject
  readonly identifyAgain: () => Promise<Subject | null>
}

interface Deps {
  readonly adminRights: Pick<AdminRights, 'may'>
  readonly revisions: Pick<Revisions, 'fresh' | 'onApplied'>
  readonly sessions: Pick<Sessions, 'byId' | 'subjectOf'> | undefined
}

/**
 * Returns a function that checks, at every poll, whether the reader still has the right to read events, and is not locked. The operator always
 * is. A lock takes effect at the second poll.
 */
export function createAdminWatch({
  adminRights,
  revisions,
  sessions,
}: Deps): (request: Asker) => () => boolean {
  let changed = 0
  const mayRead = (subject: Subject | null | undefined) => !!subject && adminRights.may(subject, 'audit.list')
  revisions.onApplied((touched) => {
    if (touched === null || touched.has('lock') || touched.has('user') || touched.has('role')) changed += 1
  })
  return (request) => {
    const { kind, sessionId } = request.subject
    if (kind === 'operator') return () => true
    const again = askAgain(request, mayRead)
    const poll = () => {
      again.ask()
      return again.allowed
    }
    if (sessionId === null) return poll
    let seen = -1
    return () => {
      // Only when there may be a new lock: asking counts as use, and a forgotten tail must not keep its session alive.
      if (seen !== changed) again.ask()
      seen = changed
      const session = sessions?.byId(sessionId)
      const now = session && sessions?.subjectOf(session)
      return again.allowed && revisions.fresh() && mayRead(now)
    }
  }
}

/** Authenticates the credentials again; the result takes effect at the next poll. */
function askAgain(request: Asker, mayRead: (subject: Subject | null) => boolean) {
  const again = {
    allowed: true,
    ask(): void {
      request.identifyAgain().then(
        (subject) => {
          again.allowed = mayRead(subject)
        },
        () => {
          again.allowed = false
        },
      )
    },
  }
  return again
}
