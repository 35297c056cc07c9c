import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../api/problem.ts'
import type { SignInDesk } from '../../api/sign-in.ts'
import { messageOf } from '../../kernel/error.ts'
import { readCookie } from '../api-server/cookie.ts'
import { checkCsrf } from '../api-server/csrf.ts'
import { problemOf } from '../api-server/error-response.ts'
import { launch } from './app-launch.ts'
import { fieldOf, takeForms } from './form.ts'
import { clearHubCookie, HUB_COOKIE, hubSessionOf } from './hub-cookie.ts'
import { beginLogin } from './login-start.ts'
import { stylesheet, stylesheetPath } from './pages/style.ts'
import { readTarget } from './return-target.ts'
import { renew } from './session-renewal.ts'
import type { SignInParts } from './sign-in-deps.ts'
import { sendPage } from './sign-in-desk.ts'

const page = { config: { access: 'public', rate: 'pages' } } as const

/** The pages scope: errors become pages, and everything lives on the sign-in host. */
export function servePages(app: FastifyInstance, parts: SignInParts): void {
  const { pages, publicNames, log } = parts
  takeForms(app)
  app.setErrorHandler((error, request, reply) => {
    const { status, code, message } = problemOf(error)
    const fields = { request_id: request.id, code, cause: messageOf(error) }
    // A refusal that is meant (no connector yet, catching up, an app switched off) needs nobody's attention.
    if (error instanceof Problem) log.debug(fields, 'a page was refused')
    else if (status >= 500) log.error(fields, 'a page failed')
    const detail = code === 'internal_error' ? 'The hub could not do this. Try again in a moment.' : message
    return sendPage(
      reply.code(status),
      pages.error({ status, title: '', code, detail, requestId: request.id }),
    )
  })
  if (publicNames.signInOrigin === publicNames.hubOrigin) return
  const signInHost = new URL(publicNames.signInOrigin).host
  app.addHook('onRequest', async (request, reply) => {
    const asked = request.headers[':authority'] ?? request.headers.host
    if (asked === signInHost || request.url.startsWith('/web/assets/')) return
    const safe = request.method === 'GET' || request.method === 'HEAD'
    if (!safe) throw new Problem(421, 'wrong_host', `This belongs to ${publicNames.signInOrigin}.`)
    return reply.redirect(publicNames.signInOrigin + request.url, 302)
  })
}

/** Refuses form posts that do not come from the sign-in host's own pages. */
export function requireOwnOrigin(parts: SignInParts, request: FastifyRequest): void {
  if (request.headers.origin === undefined) throw new Problem(403, 'csrf', 'The form names no origin.')
  checkCsrf({
    method: request.method,
    path: '/web/',
    headers: request.headers,
    ownOrigin: parts.publicNames.signInOrigin,
    cookie: readCookie(request.headers.cookie, HUB_COOKIE),
  })
}

/** Sign-in, home and sign-out. Every route reads the hub's cookie itself and needs no credentials. */
export function pageRoutes(app: FastifyInstance, parts: SignInParts, desk: SignInDesk): void {
  const { sessions, access, pages, publicNames } = parts

  app.get(stylesheetPath, page, (_request, reply) =>
    reply
      .type('text/css; charset=utf-8')
      .header('cache-control', 'public, max-age=31536000, immutable')
      .send(stylesheet),
  )

  app.get('/', page, async (request, reply) => {
    const session = await hubSessionOf(request, sessions)
    if (!session) return launch(parts, desk, request, clearedWhenDead(request, reply), home)
    const subject = sessions.subjectOf(session)
    if (!subject) throw new Problem(403, 'user_unknown', 'Your user does not exist any more.')
    const apps = await access.visible(subject)
    const shown = apps.map((one) => ({
      ...one,
      url: parts.catalog.servedByHub(one) ? `https://${one.publicAddr}${publicNames.portSuffix}/` : null,
    }))
    const links = [
      { title: 'Your sessions', href: '/web/sessions' },
      ...parts.methods().flatMap(({ account }) => account ?? []),
    ]
    const lock = parts.locks.lockFor(subject, null)
    const locked = lock && (lock.message ?? 'An administrator can say why.')
    return sendPage(reply, pages.home(subject.user, subject.roles, shown, links, locked))
  })

  app.get('/web/launch', page, (request, reply) => {
    const target = readTarget(request.query as Record<string, unknown>, publicNames)
    if (!target)
      throw new Problem(400, 'bad_target', 'Part of the address is missing. Open the application again.')
    const way = fieldOf(request.query, 'renew') === '1' ? renew : launch
    return way(parts, desk, request, reply, target)
  })

  app.get('/web/continue', page, (request, reply) => launch(parts, desk, request, reply, stateOf(request)))

  app.get('/web/login', page, async (request, reply) => {
    const { state: sealed } = request.query as Record<string, unknown>
    const state = sealed === undefined ? home : stateOf(request)
    const chosen = fieldOf(request.query, 'connector') ?? null
    const connector = (state.appHost === null ? null : publicNames.appsOidcConnector) ?? chosen
    return beginLogin(parts, reply, { state: desk.seal(state), app: null, connector })
  })

  app.get('/web/logout', page, async (request, reply) => {
    const session = await hubSessionOf(request, sessions)
    return session ? sendPage(reply, pages.signOut(session.user)) : reply.redirect('/web/signed-out', 302)
  })

  app.post('/web/logout', page, async (request, reply) => {
    requireOwnOrigin(parts, request)
    const session = await hubSessionOf(request, sessions)
    clearHubCookie(reply)
    if (!session) return reply.redirect('/web/signed-out', 303)
    const onward = await providerSignOut(parts, session)
    await sessions.end([session.id], 'logout', sessions.subjectOf(session) ?? null)
    if (onward === null) return reply.redirect('/web/signed-out', 303)
    return sendPage(reply, pages.leaving(onward))
  })

  app.get('/web/signed-out', page, (_request, reply) => sendPage(reply, pages.signedOut()))

  function stateOf(request: FastifyRequest) {
    const state = desk.open(fieldOf(request.query, 'state') ?? '')
    if (state) return state
    throw new Problem(400, 'state_expired', 'This sign-in took too long or is not ours. Open the page again.')
  }
}

const home = { appHost: null, path: '/', nonceHash: null } as const

/** A cookie whose session is over goes away instead of being sent for ever. */
function clearedWhenDead(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (readCookie(request.headers.cookie, HUB_COOKIE) !== undefined) clearHubCookie(reply)
  return reply
}

async function providerSignOut(
  { methods, log }: SignInParts,
  session: Parameters<NonNullable<ReturnType<SignInParts['methods']>[number]['signOut']>>[0],
): Promise<string | null> {
  for (const method of methods()) {
    try {
      const onward = await method.signOut?.(session)
      if (onward) return onward
    } catch (error) {
      log.warn({ method: method.name, cause: messageOf(error) }, 'the provider cannot be told of a sign-out')
    }
  }
  return null
}
