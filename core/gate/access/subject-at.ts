import type { App } from '../../api/app.ts'
import type { Grant } from '../../api/grants.ts'
import type { SatisfiedRequirement, Subject } from '../../api/subject.ts'

/** By the subject of a session, which lives as long as its roles stay the same. */
const known = new WeakMap<Subject, Map<string, Subject>>()

/** The subject with the roles that count at this app, since its grants may be for some apps only, and with what its request has met. */
export function subjectAt(subject: Subject, app: App, met?: readonly SatisfiedRequirement[]): Subject {
  if (met !== undefined) {
    const here = subjectAt(subject, app)
    return Object.freeze({ ...here, satisfied: Object.freeze([...here.satisfied, ...met]) })
  }
  const { grants, actsFor } = subject
  if (grants === undefined && actsFor?.grants === undefined) return subject
  let apps = known.get(subject)
  if (apps === undefined) {
    apps = new Map()
    known.set(subject, apps)
  }
  let here = apps.get(app.id)
  if (here === undefined) {
    here = Object.freeze({
      ...subject,
      ...(grants && rolesAt(subject.roles, grants, app.id)),
      // Nothing that the agent has met counts for its person.
      ...(actsFor && {
        actsFor: Object.freeze({ ...subjectAt(actsFor, app), connector: actsFor.connector }),
      }),
    })
    apps.set(app.id, here)
  }
  return here
}

/** The grants that count at this app, and the roles with theirs. */
export function rolesAt(
  roles: readonly string[],
  grants: readonly Grant[],
  appId: string,
): Required<Pick<Subject, 'roles' | 'grants'>> {
  const counting = grants.filter(({ apps }) => apps === null || apps.includes(appId))
  return {
    roles: Object.freeze([...new Set([...roles, ...counting.map(({ role }) => role)])].sort()),
    grants: Object.freeze(counting),
  }
}
