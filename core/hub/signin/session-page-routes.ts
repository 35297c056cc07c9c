import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem } from '../../api/problem.ts'
import type { Session } from '../../api/sessions.ts'
import { clearHubCookie } from './hub-cookie.ts'
import { fieldOf } from './return-target.ts'
import type { SignInDeps } from './sign-in-deps.ts'

const page = { config: { access: 'page' } } as const
const PATH = '/web/sessions'

/** `/web/sessions`: people see and end their own sessions. Sessions of other people get 404. */
export function sessionPageRoutes(app: FastifyInstance, deps: SignInDeps): void {
  const { sessions, catalog, pages, activity, clock } = deps

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
  const titleOf = ({ kind, appId }: Session): string => {
    if (kind === 'cert') return 'Terminal (msh)'
    if (kind === 'hub') return 'Sign-in'
    return (appId === null ? undefined : catalog.byId(appId)?.name) ?? 'Application'
  }
  function currentOf({ subject }: FastifyRequest): Session {
    const session = sessions.byId(subject.sessionId ?? '')
    if (session) return session
    throw new Problem(401, 'login_required', 'Your sign-in has ended. Open the page again.')
  }

  app.get(PATH, page, async (request, reply) => {
    const current = currentOf(request)
    const own = ownOf(current)
    const use = await activity.of(own)
    const shown = own.map((session) => ({
      id: session.id,
      title: titleOf(session),
      current: isBelow(session, current),
      since: session.created,
      from: session.clientIp,
      confirmed: session.satisfied.length > 0,
      ...use(session),
    }))
    shown.sort((one, other) => Number(other.current) - Number(one.current) || other.lastUsed - one.lastUsed)
    return reply.page(pages.sessions(current.user, shown, clock.now(), deps.links()))
  })

  app.post(`${PATH}/end`, page, async (request, reply) => {
    const current = currentOf(request)
    const id = fieldOf(request.body, 'id')
    const session = ownOf(current).find((each) => each.id === id)
    if (!session) throw new Problem(404, 'session_not_found', 'This session has already ended.')
    const own = session.id === current.id
    await sessions.end([session.id], own ? 'logout' : 'revoked', request.subject)
    if (!own) return reply.redirect(PATH, 303)
    clearHubCookie(reply)
    return reply.redirect('/web/signed-out', 303)
  })

  app.post(`${PATH}/end-others`, page, async (request, reply) => {
    const current = currentOf(request)
    const others = ownOf(current).filter((session) => !isBelow(session, current))
    await sessions.end(
      others.map(({ id }) => id),
      'revoked',
      request.subject,
    )
    return reply.redirect(PATH, 303)
  })
}
