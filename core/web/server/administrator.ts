import type { FastifyRequest } from 'fastify'
import type { GivenRights } from '../../api/audit.ts'
import { problemFor } from '../../api/reasons.ts'
import type { AdminRight, RowLabels } from '../../api/rights.ts'
import type { Subject } from '../../api/subject.ts'
import { adminsOnly, type RunningAdminRights } from '../../gate/access/admin-rights.ts'

/** Who may administer what. */
export interface AdministratorOptions {
  /** Default: the role `admin` alone has rights. */
  readonly rights?: Pick<RunningAdminRights, 'covers' | 'may' | 'reach' | 'requireCover' | 'roleFor'>
  /** All roles of an account, those for a time included. Absent: it has none. */
  readonly rolesHeld?: (user: string) => readonly string[]
}

/** What a call wants to store; asked again when the caller is. */
const wanted = new WeakMap<FastifyRequest, RowLabels[]>()

/** Throws `Problem` 403 unless the subject has the right that the route needs, or 404 about a thing that the subject may not see. */
export function requireRight(
  subject: Subject,
  right: AdminRight,
  request: FastifyRequest,
  { rights = adminsOnly }: AdministratorOptions,
): void {
  const denied = (detail: string) => problemFor('access_denied', detail)
  const reach = rights.reach(subject, right)
  if (reach === 'none') throw denied(`This requires the right ${right}, which the role admin has.`)
  const { rows, everyRight } = request.routeOptions.config
  if (everyRight && !rights.covers(subject, ['admin']))
    throw denied('This requires every right, as the role admin has them: it decides who has which.')
  if (reach === 'all') return
  if (rows === undefined)
    throw denied(`This requires the right ${right} for everything, not for some labels only.`)
  if (rows !== 'asks') {
    const key = keyOf(request)
    const labels = rows.labelsOf(key)
    // Nothing is answered as a hidden thing is. A route that makes a new thing asks with the labels that the thing gets.
    if (labels === undefined ? isReading(right) : !rights.may(subject, right, labels))
      throw labels && mayRead(subject, right, labels, rights) ? lacking(right) : rows.missing(key)
  }
  for (const labels of wanted.get(request) ?? [])
    if (!rights.may(subject, right, labels)) throw lacking(right)
}

/** What the first parameter of the path names. */
export const keyOf = ({ params }: FastifyRequest): string =>
  Object.values(params as Readonly<Record<string, string>>)[0] ?? ''

/** Whether a right changes nothing. */
export const isReading = (right: AdminRight): boolean => /\.(list|read)$/.test(right)

const lacking = (right: AdminRight) =>
  problemFor('access_denied', `You have the right ${right} only for other labels.`)

function mayRead(
  subject: Subject,
  right: AdminRight,
  labels: RowLabels,
  rights: Pick<RunningAdminRights, 'may'>,
): boolean {
  const kind = right.slice(0, right.lastIndexOf('.'))
  return (['read', 'list'] as const).some((verb) => rights.may(subject, `${kind}.${verb}`, labels))
}

/** Adds what routes ask about single things, and by which role the call is allowed: see `mayRow`, `requireRow` and `allowedBy`. */
export function limitToRows(
  request: FastifyRequest,
  right: AdminRight,
  subject: Subject,
  { rights = adminsOnly }: AdministratorOptions,
): void {
  const { rows } = request.routeOptions.config
  const labels = typeof rows === 'object' ? rows.labelsOf(keyOf(request)) : undefined
  const role = rights.roleFor(subject, right, labels) ?? rights.roleFor(subject, right)
  if (role !== null && !isReading(right)) request.allowedBy = { right, role }
  request.mayRow =
    rights.reach(subject, right) === 'all' ? null : (labels) => rights.may(subject, right, labels)
  // Kept also for a caller who has the right for everything, and may have less when the change is made.
  request.requireRow = (labels) => {
    if (!rights.may(subject, right, labels)) throw lacking(right)
    wanted.set(request, [...(wanted.get(request) ?? []), labels])
  }
}

/** Throws `Problem` 403 `roles_exceed_own` unless the subject has all that is given. */
export function requireGivable(
  subject: Subject,
  { roles = [], rules = [], user, to, labels }: GivenRights,
  { rights = adminsOnly, rolesHeld = () => [] }: AdministratorOptions,
): void {
  rights.requireCover(subject, {
    roles: [...roles, ...(user === undefined ? [] : rolesHeld(user))],
    rules,
    ...(labels && { labels }),
    beside: to === undefined ? [] : rolesHeld(to),
  })
}
