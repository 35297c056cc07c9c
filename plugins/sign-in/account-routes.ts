import { problemFor, type Session } from '@mezite/core'
import type { ShownRole, ShownSession } from './account-page.ts'
import type { Deps, Request, Web } from './deps.ts'
import { queryField } from './query-field.ts'

const page = { config: { access: 'page' } } as const
const PATH = '/web/account'
const SESSIONS = '/web/sessions'

/**
 * "My account": people see and end their own sessions, and see their roles and what plugins add. Sessions of other people
 * get 404.
 */
export function accountRoutes(app: Web, deps: Deps): void {
  const { sessions, users, catalog, clock } = deps

  const ownOf = ({ user }: Session) => sessions.list().filter((each) => each.user === user)
  /** Whether a session is `root` or ends with it. */
  function isBelow(session: Session, root: Session): boolean {
    let each: Session | undefined = session
    for (let depth = 0; each && depth < 4; depth++) {
      if (each.id === root.id) return true
      each = each.parentId === null ? undefined : sessions.byId(each.parentId)
    }
    return false
  }
  const nameOf = ({ appId, client }: Session): string | null => {
    const found = appId === null ? undefined : catalog.byId(appId)
    return found === undefined ? client : (found.display?.name ?? found.name)
  }
  function currentOf({ subject }: Request): Session {
    const session = sessions.byId(subject.sessionId ?? '')
    if (session) return session
    throw problemFor('login_required')
  }

  function rolesOf(name: string): ShownRole[] {
    const user = users.byName(name)
    if (!user) return []
    const mapped = user.mappedRoles.map((role) => ({ name: role, connector: user.connector }))
    return [...user.ownRoles.map((role) => ({ name: role, connector: null })), ...mapped]
  }

  /** The sessions as a tree of sign-ins and what ends with them, the newest use first, after this browser's. */
  async function shownOf(current: Session, request: Request): Promise<ShownSession[]> {
    const own = ownOf(current)
    const use = await sessions.activityOf(own)
    const ids = new Set(own.map(({ id }) => id))
    const below = (parent: string | null): ShownSession[] =>
      own
        .filter(({ parentId }) => (parentId !== null && ids.has(parentId) ? parentId : null) === parent)
        .map((session) => ({
          id: session.id,
          kind: session.kind,
          name: nameOf(session),
          current: session.id === current.id,
          since: session.created,
          expires: session.expires,
          from: session.clientIp,
          sameAddress: session.clientIp === request.clientIp,
          confirmed: session.satisfied.length > 0,
          ...use(session),
          below: below(session.id),
        }))
        .sort((one, other) => Number(other.current) - Number(one.current) || other.lastUsed - one.lastUsed)
    return below(null)
  }

  app.get(PATH, page, async (request, reply) => {
    const current = currentOf(request)
    const { user, roles } = request.subject
    const found = await Promise.all(deps.sections.map((section) => section(request, current)))
    const sections = found.filter((section) => section !== null)
    const shown = {
      user,
      roles: rolesOf(user),
      sections: sections.map(({ body }) => body),
      sessions: await shownOf(current, request),
      now: clock.now(),
    }
    const scripts = sections.flatMap((section) => section.scripts)
    return reply.page(deps.pages(request).account(shown, { name: user, roles }, scripts))
  })

  app.get(SESSIONS, page, (_request, reply) => reply.redirect(`${PATH}#sessions`, 302))

  app.post(`${SESSIONS}/end`, page, async (request, reply) => {
    const current = currentOf(request)
    const id = queryField(request.body, 'id')
    const session = ownOf(current).find((each) => each.id === id)
    if (!session) throw problemFor('session_not_found', 'This session has already ended.')
    const own = session.id === current.id
    await sessions.end([session.id], own ? 'logout' : 'revoked', request.subject)
    if (!own) return reply.redirect(`${PATH}#sessions`, 303)
    deps.desk.clearCookie(request, reply)
    return reply.redirect('/web/signed-out', 303)
  })

  app.post(`${SESSIONS}/end-others`, page, async (request, reply) => {
    const current = currentOf(request)
    const others = ownOf(current).filter((session) => !isBelow(session, current))
    await sessions.end(
      others.map(({ id }) => id),
      'revoked',
      request.subject,
    )
    return reply.redirect(`${PATH}#sessions`, 303)
  })
}
