import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../api/problem.ts'
import type { Session } from '../../api/sessions.ts'
import type { LoginState, SignInDesk } from '../../api/sign-in.ts'
import type { HomeView } from '../../api/web-routes.ts'
import { messageOf } from '../../kernel/error.ts'
import { linksOf } from '../../pages/navigation.ts'
import { ASSET_PATHS } from '../../pages/pages.ts'
import { HUB_COOKIE, readCookie } from '../../wire/cookie.ts'
import { checkCsrf, isSafe } from '../api-server/csrf.ts'
import { launch } from './app-launch.ts'
import { clearHubCookie, hubSessionOf } from './hub-cookie.ts'
import { beginLogin, expired } from './login-routes.ts'
import { fragmentScript, fragmentScriptPath } from './pages/fragment-script.ts'
import { fieldOf, readTarget } from './return-target.ts'
import type { SignInDeps } from './sign-in-deps.ts'

const page = { config: { access: 'public', rate: 'pages' } } as const
const home = { appHost: null, path: '/', nonceHash: null } as const

/** With less time than this left in the hub session, the person signs in again before opening an app. */
const SOON_MS = 10 * 60_000

/** Restricts public pages to the sign-in host; the guard redirects pages with access `page` there. */
export function servePages(app: FastifyInstance, { publicNames }: SignInDeps): void {
  if (publicNames.signInOrigin === publicNames.hubOrigin) return
  const signInHost = new URL(publicNames.signInOrigin).host
  app.addHook('onRequest', async (request, reply) => {
    const host = request.headers[':authority'] ?? request.headers.host
    if (host === signInHost || request.url.startsWith(ASSET_PATHS.hub)) return
    if (!isSafe(request.method))
      throw new Problem(421, 'wrong_host', `This page is at ${publicNames.signInOrigin}.`)
    return reply.redirect(publicNames.signInOrigin + request.url, 302)
  })
}

/** Sign-in, home and sign-out. Every route reads the hub's cookie itself and needs no credentials. */
export function pageRoutes(app: FastifyInstance, deps: SignInDeps, desk: SignInDesk): void {
  const { sessions, access, pages, publicNames, clock } = deps

  app.get<{ Params: { name: string } }>(`${ASSET_PATHS.hub}:name`, page, (request, reply) => {
    const asset = deps.template.asset(request.params.name)
    if (asset === undefined) throw new Problem(404, 'not_found', 'There is no such file.')
    if (asset.policy !== undefined) reply.header('content-security-policy', asset.policy)
    return reply
      .type(asset.type)
      .header('cache-control', 'public, max-age=31536000, immutable')
      .send(asset.content)
  })

  app.get(fragmentScriptPath, page, (_request, reply) =>
    reply
      .type('text/javascript; charset=utf-8')
      .header('cache-control', 'public, max-age=31536000, immutable')
      .send(fragmentScript),
  )

  app.get('/', page, async (request, reply) => {
    const session = await hubSessionOf(request, sessions)
    if (!session) return launch(deps, desk, request, clearedWhenEnded(request, reply), home)
    const subject = sessions.subjectOf(session)
    if (!subject) throw new Problem(403, 'user_unknown', 'Your user no longer exists.')
    const visible = await access.visible(subject, request.clientIp)
    const apps = visible
      .filter(({ app }) => app.enabled)
      .map(({ app }) => ({ ...app, url: deps.catalog.urlOf(app), state: deps.tunnel.stateOf(app).state }))
    const links = linksOf(deps.links(), subject).map(({ title, href }) => ({ title, href }))
    const lock = deps.locks.lockFor(subject, null)
    const locked = lock && (lock.message ?? 'Ask your administrator why.')
    const known = new Set(visible.map(({ app: { id } }) => id))
    const offers = (lock === null ? access.offersTo(subject) : [])
      .filter(({ app: { id } }) => !known.has(id))
      .map(({ app: { name, display }, path }) => ({ title: display?.name ?? name, path }))
    const view: HomeView = { user: subject.user, roles: subject.roles, apps, links, locked, offers }
    return deps.home()?.(reply, view) ?? reply.page(pages(request).home(view))
  })

  app.get('/web/launch', page, async (request, reply) => {
    const target = readTarget(request.query as Record<string, unknown>, publicNames)
    if (!target)
      throw new Problem(400, 'bad_target', 'Part of the address is missing. Open the application again.')
    const renewal = fieldOf(request.query, 'renew') === '1'
    const session = renewal ? await hubSessionOf(request, sessions) : undefined
    if (!session || !endsSoon(session, clock.now())) return launch(deps, desk, request, reply, target)
    // An app session never outlives the hub session, and sessions are never extended, so the person signs in again.
    const connector = publicNames.appsOidcConnector
    return beginLogin(deps, reply.header('cache-control', 'no-store'), {
      state: desk.seal(target),
      connector,
      appHost: target.appHost,
    })
  })

  app.get('/web/continue', page, (request, reply) => launch(deps, desk, request, reply, stateOf(request)))

  app.get('/web/login', page, async (request, reply) => {
    const { state: sealed } = request.query as Record<string, unknown>
    const state = sealed === undefined ? home : stateOf(request)
    const chosen = fieldOf(request.query, 'connector') ?? null
    const connector = (state.appHost === null ? null : publicNames.appsOidcConnector) ?? chosen
    const another = fieldOf(request.query, 'another') === '1'
    return beginLogin(deps, reply, { state: desk.seal(state), connector, another, appHost: state.appHost })
  })

  app.get('/web/logout', page, async (request, reply) => {
    const session = await hubSessionOf(request, sessions)
    if (!session) return reply.redirect('/web/signed-out', 302)
    return reply.page(pages(request).signOut(session.user, countOf(session)))
  })

  app.post('/web/logout', page, async (request, reply) => {
    requireOwnOrigin(deps, request)
    const session = await hubSessionOf(request, sessions)
    clearHubCookie(reply)
    // Another account for the same target: the session here ends, and the provider asks which one.
    const again = desk.open(fieldOf(request.body, 'again') ?? '')
    if (again) {
      if (session) await sessions.end([session.id], 'logout', sessions.subjectOf(session) ?? null)
      return reply.redirect(`/web/login?state=${encodeURIComponent(desk.seal(again))}&another=1`, 303)
    }
    if (!session) return reply.redirect('/web/signed-out', 303)
    const onward = await providerSignOut(deps, session)
    const everywhere = fieldOf(request.body, 'everywhere') === '1'
    const ids = everywhere ? ownOf(session).map(({ id }) => id) : [session.id]
    await sessions.end(ids, 'logout', sessions.subjectOf(session) ?? null)
    if (onward === null) return reply.redirect('/web/signed-out', 303)
    return reply.page(pages(request).leaving(onward))
  })

  app.get('/web/signed-out', page, (request, reply) => reply.page(pages(request).signedOut()))

  const ownOf = ({ user }: Session) => sessions.list().filter((each) => each.user === user)

  /**
   * Counts the sessions that a sign-out everywhere ends in addition to this browser's; app sessions end with theirs.
   */
  function countOf(session: Session) {
    const others = ownOf(session).filter(({ id }) => id !== session.id)
    const count = (kind: Session['kind']) => others.filter((each) => each.kind === kind).length
    return { signIns: count('hub'), terminals: count('cert') }
  }

  function stateOf(request: FastifyRequest): LoginState {
    const state = desk.open(fieldOf(request.query, 'state') ?? '')
    if (state) return state
    throw expired()
  }
}

/** Rejects form posts that do not come from the sign-in host's own pages. */
function requireOwnOrigin({ publicNames }: SignInDeps, request: FastifyRequest): void {
  if (request.headers.origin === undefined) throw new Problem(403, 'csrf', 'The call has no Origin header.')
  checkCsrf({
    method: request.method,
    path: '/web/',
    headers: request.headers,
    ownOrigin: publicNames.signInOrigin,
    cookie: readCookie(request.headers.cookie, HUB_COOKIE),
  })
}

/** Removes a cookie whose session has ended, so that the browser stops sending it. */
function clearedWhenEnded(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (readCookie(request.headers.cookie, HUB_COOKIE) !== undefined) clearHubCookie(reply)
  return reply
}

/** True if less than ten minutes, or less than half of the session, is left. */
function endsSoon({ created, expires }: Session, now: number): boolean {
  return expires - now < Math.min(SOON_MS, (expires - created) / 2)
}

async function providerSignOut({ methods, log }: SignInDeps, session: Session): Promise<string | null> {
  for (const method of methods()) {
    try {
      const onward = await method.signOut?.(session)
      if (onward) return onward
    } catch (error) {
      log.warn(
        { method: method.name, cause: messageOf(error) },
        'failed to prepare the sign-out at the provider',
      )
    }
  }
  return null
}
