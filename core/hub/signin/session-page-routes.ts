import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../api/problem.ts'
import type { Session } from '../../api/sessions.ts'
import type { SignInDesk } from '../../api/sign-in.ts'
import { fieldOf } from './form.ts'
import { clearHubCookie, hubSessionOf } from './hub-cookie.ts'
import { requireOwnOrigin } from './page-routes.ts'
import type { SignInParts } from './sign-in-deps.ts'
import { sendPage } from './sign-in-desk.ts'

const page = { config: { access: 'public', rate: 'pages' } } as const
const PATH = '/web/sessions'

/** `/web/sessions`: a person sees their own sessions and ends them. What belongs to others is not there (404). */
export function sessionPageRoutes(app: FastifyInstance, parts: SignInParts, desk: SignInDesk): void {
  const { sessions, catalog, pages, publicNames, activity, clock } = parts

  const ownOf = ({ user }: Session) => sessions.list().filter((each) => each.user === user)
  /** Whether a session is the one asked with, or hangs on it. */
  function hangsOn(session: Session, root: Session): boolean {
    let each: Session | undefined = session
    for (let depth = 0; each && depth < 4; depth++) {
      if (each.id === root.id) return true
      each = each.parentId === null ? undefined : sessions.byId(each.parentId)
    }
    return false
  }
  const titleOf = ({ kind, appId }: Session): string => {
    if (kind === 'cert') return 'Certificate of a command line'
    if (kind === 'hub') return 'Sign-in'
    return (appId === null ? undefined : catalog.byId(appId)?.name) ?? 'Application'
  }
  const toSignIn = (reply: FastifyReply) => {
    const state = desk.seal({ appHost: null, path: PATH, nonceHash: null })
    return reply.redirect(`${publicNames.signInOrigin}/web/login?state=${state}`, 303)
  }
  async function personOf(request: FastifyRequest): Promise<Session | undefined> {
    requireOwnOrigin(parts, request)
    return hubSessionOf(request, sessions)
  }

  app.get(PATH, page, async (request, reply) => {
    const current = await hubSessionOf(request, sessions)
    if (!current) return toSignIn(reply)
    const own = ownOf(current)
    const use = await activity.of(own)
    const shown = own.map((session) => ({
      id: session.id,
      title: titleOf(session),
      current: hangsOn(session, current),
      since: session.created,
      from: session.clientIp,
      mfa: session.satisfied.some(({ name }) => name === 'session-mfa'),
      ...use(session),
    }))
    shown.sort((one, other) => Number(other.current) - Number(one.current) || other.lastUsed - one.lastUsed)
    const links = parts.methods().flatMap(({ account }) => account ?? [])
    return sendPage(reply, pages.sessions(current.user, shown, clock.now(), links))
  })

  app.post(`${PATH}/end`, page, async (request, reply) => {
    const current = await personOf(request)
    if (!current) return toSignIn(reply)
    const id = fieldOf(request.body, 'id')
    const session = ownOf(current).find((each) => each.id === id)
    if (!session)
      throw new Problem(404, 'session_not_found', 'This session has ended already, or is not yours.')
    const own = session.id === current.id
    await sessions.end([session.id], own ? 'logout' : 'revoked', sessions.subjectOf(current) ?? null)
    if (!own) return reply.redirect(PATH, 303)
    clearHubCookie(reply)
    return reply.redirect('/web/signed-out', 303)
  })

  app.post(`${PATH}/end-others`, page, async (request, reply) => {
    const current = await personOf(request)
    if (!current) return toSignIn(reply)
    const others = ownOf(current).filter((session) => !hangsOn(session, current))
    await sessions.end(
      others.map(({ id }) => id),
      'revoked',
      sessions.subjectOf(current) ?? null,
    )
    return reply.redirect(PATH, 303)
  })
}
