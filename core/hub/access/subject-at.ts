import type { App } from '../../api/app.ts'
import type { Subject } from '../../api/subject.ts'

/** By the subject of a session, which lives as long as its roles stay the same. */
const known = new WeakMap<Subject, Map<string, Subject>>()

/** The subject with the roles that count at this app: its grants may be for some apps only. */
export function subjectAt(subject: Subject, app: App): Subject {
  const { grants } = subject
  if (grants === undefined) return subject
  let apps = known.get(subject)
  if (apps === undefined) {
    apps = new Map()
    known.set(subject, apps)
  }
  let here = apps.get(app.id)
  if (here === undefined) {
    const counting = grants.filter(({ apps }) => apps === null || apps.includes(app.id))
    const roles = new Set([...subject.roles, ...counting.map(({ role }) => role)])
    here = Object.freeze({
      ...subject,
      roles: Object.freeze([...roles].sort()),
      grants: Object.freeze(counting),
    })
    apps.set(app.id, here)
  }
  return here
}
