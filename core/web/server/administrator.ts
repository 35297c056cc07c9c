import type { FastifyRequest } from 'fastify'
import type { GivenRights } from '../../api/audit.ts'
import { type LackedRight, Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import type { AdminRight, RowLabels } from '../../api/rights.ts'
import type { Subject } from '../../api/subject.ts'
import { adminsOnly, type RunningAdminRights } from '../../gate/access/admin-rights.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

/** Who may administer what. */
export interface AdministratorOptions {
  /** Default: the role `admin` alone has rights. */
  readonly rights?: Pick<
    RunningAdminRights,
    'covers' | 'explainLack' | 'may' | 'reach' | 'requireCover' | 'roleFor'
  >
  /** All roles of an account, those for a time included. Absent: it has none. */
  readonly rolesHeld?: (user: string) => readonly string[]
  /** All roles of the accounts that have a role. Absent: nobody has it. */
  readonly rolesOfHolders?: (role: string) => readonly string[]
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
  const { rows, everyRight } = request.routeOptions.config
  if (everyRight && !rights.covers(subject, ['admin']))
    throw lacking(
      { right, everyRight },
      'This requires every right, as the role admin has them: it decides who has which.',
    )
  const reach = rights.reach(subject, right)
  if (reach === 'none') throw lacking({ right }, `This requires the right ${right}.`)
  if (reach === 'all') return
  if (rows === undefined)
    throw lacking({ right }, `This requires the right ${right} for everything, not for some labels only.`)
  if (rows !== 'asks') {
    const key = keyOf(request)
    const labels = rows.labelsOf(key)
    // Nothing is answered as a hidden thing is. A route that makes a new thing asks with the labels that the thing gets.
    if (labels === undefined ? isReading(right) : !rights.may(subject, right, labels))
      throw labels && mayRead(subject, right, labels, rights) ? lacking({ right, labels }) : rows.missing(key)
  }
  for (const labels of wanted.get(request) ?? [])
    if (!rights.may(subject, right, labels)) throw lacking({ right, labels })
}

/** What the first parameter of the path names. */
export const keyOf = ({ params }: FastifyRequest): string =>
  Object.values(params as Readonly<Record<string, string>>)[0] ?? ''

/** Whether a right changes nothing. */
export const isReading = (right: AdminRight): boolean => /\.(list|read)$/.test(right)

function lacking(
  lacks: LackedRight,
  detail = `You have the right ${lacks.right} only for other labels.`,
): Problem {
  return Object.assign(problemFor('access_denied', detail, { right: lacks.right }), { lacks })
}

/** How long a refusal waits for the names of those who have the right. */
const NAMES_MS = 2_000

/** The error with what the roles say about a right that the caller lacks; undefined: it is about something else. */
export function explainedLack(
  error: unknown,
  { subject }: FastifyRequest,
  {
    adminRights = adminsOnly,
    log,
  }: { readonly adminRights?: AdministratorOptions['rights']; readonly log: Log },
): Promise<unknown> | undefined {
  if (!(error instanceof Problem) || error.lacks === undefined || !subject) return undefined
  const { lacks, status, code, message, members, audited } = error
  return withDeadline(async () => adminRights.explainLack(subject, lacks), NAMES_MS).then(
    (more) => {
      if (more === undefined) return error
      const fuller = new Problem(status, code, `${message} ${more.text}`, { ...members, ...more.members })
      return Object.assign(fuller, { audited })
    },
    (cause) => {
      log.warn({ cause: messageOf(cause) }, 'a refusal does not say who has the right')
      return error
    },
  )
}

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
    if (!rights.may(subject, right, labels)) throw lacking({ right, labels })
    wanted.set(request, [...(wanted.get(request) ?? []), labels])
  }
}

/** Throws `Problem` 403 `roles_exceed_own` unless the subject has all that is given. */
export function requireGivable(
  subject: Subject,
  { roles = [], rules = [], user, holdersOf, to, labels }: GivenRights,
  { rights = adminsOnly, rolesHeld = () => [], rolesOfHolders = () => [] }: AdministratorOptions,
): void {
  rights.requireCover(subject, {
    roles: [
      ...roles,
      ...(user === undefined ? [] : rolesHeld(user)),
      ...(holdersOf === undefined ? [] : rolesOfHolders(holdersOf)),
    ],
    rules,
    ...(labels && { labels }),
    beside: to === undefined ? [] : rolesHeld(to),
  })
}
