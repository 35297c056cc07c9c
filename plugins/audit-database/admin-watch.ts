import type { Revisions, Sessions, Subject } from '@mezite/core'

/** The sender of a request. */
export interface Asker {
  readonly subject: Subject
  readonly identifyAgain: () => Promise<Subject | null>
}

interface Deps {
  readonly revisions: Pick<Revisions, 'fresh' | 'onApplied'>
  readonly sessions: Pick<Sessions, 'byId' | 'subjectOf'> | undefined
}

/**
 * Returns a function that checks, at every poll, whether the reader is still an admin and not locked. The operator always
 * is. A lock takes effect at the second poll.
 */
export function createAdminWatch({ revisions, sessions }: Deps): (request: Asker) => () => boolean {
  let changed = 0
  revisions.onApplied((touched) => {
    if (touched === null || touched.has('lock') || touched.has('user')) changed += 1
  })
  return (request) => {
    const { kind, sessionId } = request.subject
    if (kind === 'operator') return () => true
    const again = askAgain(request)
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
      return again.allowed && revisions.fresh() && (now?.roles.includes('admin') ?? false)
    }
  }
}

/** Authenticates the credentials again; the result takes effect at the next poll. */
function askAgain(request: Asker) {
  const again = {
    allowed: true,
    ask(): void {
      request.identifyAgain().then(
        (subject) => {
          again.allowed = subject?.roles.includes('admin') ?? false
        },
        () => {
          again.allowed = false
        },
      )
    },
  }
  return again
}
