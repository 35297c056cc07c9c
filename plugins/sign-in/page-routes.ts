import { messageOf, Problem, problemFor, type Session, type WebRoutes } from '@mezite/core'
import { beginLogin } from './begin-login.ts'
import type { Deps, LoginState, Request, Web } from './deps.ts'
import { fragmentScript, fragmentScriptPath } from './fragment-script.ts'
import { launch } from './launch.ts'
import { expired } from './login-routes.ts'
import { queryField } from './query-field.ts'

type HomeView = Parameters<NonNullable<WebRoutes['home']>>[1]

const page = { config: { access: 'public', rate: 'pages' } } as const
const home = { appHost: null, path: '/', nonceHash: null } as const

/** With less time than this left in the hub session, the person signs in again before opening an app. */
const SOON_MS = 10 * 60_000

/** Restricts public pages to the sign-in host; the guard redirects pages with access `page` there. */
export function servePages(app: Web, { publicNames }: Deps): void {
  if (publicNames.signInOrigin === publicNames.hubOrigin) return
  const signInHost = new URL(publicNames.signInOrigin).host
  app.addHook('onRequest', async (request, reply) => {
    const host = request.headers[':authority'] ?? request.headers.host
    if (host === signInHost || request.url === fragmentScriptPath) return
    if (!['GET', 'HEAD', 'OPTIONS'].includes(request.method))
      throw problemFor('wrong_host', `This page is at ${publicNames.signInOrigin}.`)
    return reply.redirect(publicNames.signInOrigin + request.url, 302)
  })
}

/** Sign-in, home and sign-out. Every route reads the hub's cookie itself and needs no credentials. */
export function pageRoutes(app: Web, deps: Deps): void {
  const { desk, sessions, access, pages, clock } = deps

  app.get(fragmentScriptPath, page, (_request, reply) =>
    reply
      .type('text/javascript; charset=utf-8')
      .header('cache-control', 'public, max-age=31536000, immutable')
      .send(fragmentScript),
  )

  app.get('/', page, async (request, reply) => {
    const session = await desk.sessionOf(request)
    if (!session) {
      desk.clearCookie(request, reply)
      return launch(deps, request, reply, home)
    }
    const subject = sessions.subjectOf(session)
    if (!subject) throw new Problem(403, 'user_unknown', 'Your user no longer exists.')
    const visible = await access.visible(subject, request.clientIp)
    const apps = visible
      .filter(({ app }) => app.enabled)
      .map(({ app }) => ({ ...app, url: deps.catalog.urlOf(app), state: deps.tunnel.stateOf(app).state }))
    const links = deps.template
      .navigationOf(subject, deps.template.languageOf(request.headers['accept-language']))
      .map(({ title, href }) => ({ title, href }))
    const lock = deps.locks.lockFor(subject, null)
    const locked = lock && (lock.message ?? 'Ask your administrator why.')
    const known = new Set(visible.map(({ app: { id } }) => id))
    const offers = (lock === null ? access.offersTo(subject) : [])
      .filter(({ app: { id } }) => !known.has(id))
      .map(({ app: { name, display }, path }) => ({ title: display?.name ?? name, path }))
    const view: HomeView = { user: subject.user, roles: subject.roles, apps, links, locked, offers }
    return deps.home?.(reply, view) ?? reply.page(pages(request).home(view))
  })

  app.get('/web/launch', page, async (request, reply) => {
    const target = desk.targetOf(request.query as Record<string, unknown>)
    if (!target) throw problemFor('bad_target', 'Part of the address is missing. Open the application again.')
    const renewal = queryField(request.query, 'renew') === '1'
    const session = renewal ? await desk.sessionOf(request) : undefined
    if (!session || !endsSoon(session, clock.now())) return launch(deps, request, reply, target)
    // An app session never outlives the hub session, and sessions are never extended, so the person signs in again.
    return beginLogin(deps, reply.header('cache-control', 'no-store'), {
      state: desk.seal(target),
      appHost: target.appHost,
    })
  })

  app.get('/web/continue', page, (request, reply) => launch(deps, request, reply, stateOf(request)))

  app.get('/web/login', page, async (request, reply) => {
    const { state: sealed } = request.query as Record<string, unknown>
    const state = sealed === undefined ? home : stateOf(request)
    const chosen = queryField(request.query, 'connector') ?? null
    const another = queryField(request.query, 'another') === '1'
    return beginLogin(deps, reply, { state: desk.seal(state), chosen, another, appHost: state.appHost })
  })

  app.get('/web/logout', page, async (request, reply) => {
    const session = await desk.sessionOf(request)
    if (!session) return reply.redirect('/web/signed-out', 302)
    return reply.page(pages(request).signOut(session.user, countOf(session)))
  })

  app.post('/web/logout', page, async (request, reply) => {
    requireOwnOrigin(deps, request)
    const session = await desk.sessionOf(request)
    desk.clearCookie(request, reply)
    // Another account for the same target: the session here ends, and the provider asks which one.
    const again = desk.open(queryField(request.body, 'again') ?? '')
    if (again) {
      if (session) await sessions.end([session.id], 'logout', sessions.subjectOf(session) ?? null)
      return reply.redirect(`/web/login?state=${encodeURIComponent(desk.seal(again))}&another=1`, 303)
    }
    if (!session) return reply.redirect('/web/signed-out', 303)
    const onward = await providerSignOut(deps, session)
    const everywhere = queryField(request.body, 'everywhere') === '1'
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

  function stateOf(request: Request): LoginState {
    const state = desk.open(queryField(request.query, 'state') ?? '')
    if (state) return state
    throw expired()
  }
}

/** Rejects form posts that do not come from the sign-in host's own pages. The hub has checked what browsers say besides. */
function requireOwnOrigin({ publicNames }: Deps, { headers: { origin } }: Request): void {
  if (origin === undefined) throw problemFor('csrf', 'The call has no Origin header.')
  if (origin !== publicNames.signInOrigin)
    throw problemFor('csrf', 'The call does not come from a page of this host.')
}

/** True if less than ten minutes, or less than half of the session, is left. */
function endsSoon({ created, expires }: Session, now: number): boolean {
  return expires - now < Math.min(SOON_MS, (expires - created) / 2)
}

async function providerSignOut({ methods, log }: Deps, session: Session): Promise<string | null> {
  for (const method of methods) {
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
