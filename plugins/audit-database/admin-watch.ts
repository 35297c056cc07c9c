import type { Revisions, Sessions, Subject } from '@mezite/core'

/** What a request says about who sent it. */
export interface Asker {
  readonly subject: Subject
  readonly identifyAgain: () => Promise<Subject | null>
}

interface Deps {
  readonly revisions: Pick<Revisions, 'fresh' | 'onApplied'>
  readonly sessions: Pick<Sessions, 'byId' | 'subjectOf'> | undefined
}

/**
 * Makes what says, at every poll, whether who follows is an admin still, whom no lock stops. The operator always is.
 * A lock counts from the second poll on.
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
      // Asking counts as use, and a forgotten tail must not keep its session: only when there may be a new lock.
      if (seen !== changed) again.ask()
      seen = changed
      const session = sessions?.byId(sessionId)
      const now = session && sessions?.subjectOf(session)
      return again.allowed && revisions.fresh() && (now?.roles.includes('admin') ?? false)
    }
  }
}

/** Who holds the credentials is asked for again, and the answer counts at the next poll. */
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
