import {
  type Catalog,
  type Clock,
  type Log,
  Problem,
  type Subject,
  type Users,
  type WebRoutes,
} from '@mezite/core'
import { actionRoutes } from './action-routes.ts'
import type { RequestDesk } from './desk.ts'
import { durationOf, pathOf, reasonOf, textOf } from './form-fields.ts'
import { createGains } from './gains.ts'
import { type Messages, PAGES } from './messages.ts'
import type { ListView, RequestPages } from './pages.ts'
import type { People } from './people.ts'
import { problems } from './problems.ts'
import { problemFor } from './reasons.ts'
import { type AccessRequest, stateOf } from './request.ts'
import type { RequestRules } from './rules.ts'
import type { RequestStore } from './store.ts'
import type { Language } from './texts.ts'

/** What the routes of the plugin need. */
export interface RouteDeps {
  readonly desk: RequestDesk
  readonly store: RequestStore
  readonly rules: RequestRules
  readonly people: People
  readonly messages: Pick<Messages, 'confirmUrl'>
  readonly pages: RequestPages
  readonly users: Pick<Users, 'byName' | 'keyOf' | 'rolesOf'>
  readonly catalog: Pick<Catalog, 'byName' | 'byId' | 'list' | 'urlOf'>
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
  readonly languageOf: (acceptLanguage: string | undefined) => Language
}

const WAIT_MS = 25_000
const OPEN: ReadonlySet<string> = new Set(['pending', 'approved'])
const MOST_ROWS = 50
const page = { config: { access: 'page' } } as const
type Named = { Params: { id: string } }

const shownBy = (clock: Clock) => (request: AccessRequest) => ({
  request,
  state: stateOf(request, clock.now()),
})

/** `/web/access-requests`: asking, waiting and deciding. */
export function pageRoutes(deps: RouteDeps): WebRoutes {
  const { desk, store, rules, people, pages, catalog, users, clock, languageOf } = deps
  const shown = shownBy(clock)
  const gainsOf = createGains(deps)
  const known = knownIn(deps)
  const ownOf = async ({ user }: Subject) =>
    (await store.list({ key: users.keyOf(user) })).filter((one) => people.isBy(one, user))

  const urlOf = ({ app, path }: AccessRequest): string | null => {
    const found = app === null ? undefined : catalog.byId(app)
    const base = found === undefined ? null : catalog.urlOf(found)
    return base === null ? null : onSameOrigin(base, path)
  }

  return {
    name: 'access-requests-pages',
    prefix: PAGES,
    async routes(web) {
      web.get('/', page, async ({ subject, headers }, reply) => {
        const language = languageOf(headers['accept-language'])
        return reply.page(pages.list(subject, language, listView(deps, subject, await ownOf(subject))))
      })

      web.get('/new', page, async ({ subject, headers, query }, reply) => {
        const [name, role, path] = [textOf(query, 'app'), textOf(query, 'role'), textOf(query, 'path')]
        const app = catalog.byName(name)
        const roles = people.rolesOf(subject.user)
        const offers = app ? rules.forApp(roles, app) : role === '' ? [] : rules.forRole(roles, role)
        return reply.page(
          pages.ask(subject, languageOf(headers['accept-language']), {
            ...(app ? { app: name } : { role }),
            ...(path === '' ? {} : { path }),
            ...(textOf(query, 'glass') === '' ? {} : { emergencyReason: reasonOf(textOf(query, 'reason')) }),
            title: app ? (app.display?.name ?? name) : null,
            offers,
          }),
        )
      })

      web.post('/', page, async ({ actor, body, subject, headers }, reply) => {
        const durationMs = durationOf(textOf(body, 'for'))
        const [app, role] = [textOf(body, 'app'), textOf(body, 'role')]
        const input = {
          ...(app === '' ? { role } : { app }),
          durationMs,
          reason: reasonOf(textOf(body, 'reason')),
          path: pathOf(textOf(body, 'path')),
          breakGlass: textOf(body, 'break_glass') === '1',
          language: languageOf(headers['accept-language']),
        }
        const request = await desk.create(input, actor).catch((error: unknown) => {
          if (!(error instanceof Problem)) throw error
          // The person asked twice: on with the first one.
          if (error.code === 'request_exists') return store.find(String(error.members.request))
          if (error.code === 'confirmation_required' && subject.kind === 'session') return null
          throw error
        })
        if (request === null) {
          // The form comes back as it was filled in.
          const { reason, path } = input
          const kept = { ...(app === '' ? { role } : { app }), glass: textOf(body, 'for'), reason }
          const back = `${PAGES}/new?${new URLSearchParams(path === null ? kept : { ...kept, path })}`
          const url = deps.messages.confirmUrl(back.length <= 2_000 ? back : `${PAGES}/new?app=${app}`)
          if (url === null) throw problems.confirm(null)
          return reply.redirect(url, 303)
        }
        return reply.redirect(`${PAGES}/${request?.id ?? ''}`, 303)
      })

      web.get<Named>('/:id', page, async ({ subject, headers, params }, reply) => {
        const request = await known(subject, params.id)
        const language = languageOf(headers['accept-language'])
        const state = stateOf(request, clock.now())
        if (people.isBy(request, subject.user))
          return reply.page(pages.wait(subject, language, { request, state, url: urlOf(request) }))
        const me = users.byName(subject.user)
        const reviewer = me === undefined ? null : desk.reviewerOf(request, me)
        const decides = reviewer !== null && state === 'pending'
        const asker = { key: request.user_key, holder: request.holder }
        const earlier = (await store.list(asker)).filter(
          (one) => one.id !== request.id && people.isOf(one, asker),
        )
        const { labels = {} } = catalog.byId(request.app ?? '') ?? {}
        return reply.page(
          pages.review(subject, language, {
            request,
            state,
            gains: gainsOf(request),
            owner: labels.owner ?? null,
            earlier: earlier.slice(0, 10).map(shown),
            may:
              !decides || (me !== undefined && people.hasReviewed(request, me))
                ? 'not'
                : needsPasskey(subject, reviewer)
                  ? 'confirm'
                  : 'decide',
            mayRevoke: state === 'approved' && (reviewer !== null || subject.roles.includes('admin')),
            own: me !== undefined && people.same(request, me),
            confirmUrl: deps.messages.confirmUrl(`${PAGES}/${request.id}`),
          }),
        )
      })

      web.get<Named>(
        '/:id/state',
        { config: { access: 'page', deadlineMs: WAIT_MS + 15_000 } },
        async (request, reply) => {
          const { subject, params, query } = request
          const was = textOf(query, 'was')
          const found = await known(subject, params.id)
          if (stateOf(found, clock.now()) === was) {
            const gone = new AbortController()
            reply.raw.once('close', () => gone.abort())
            await store.changed(found.id, WAIT_MS, gone.signal)
          }
          if ((await request.identifyAgain()) === null) throw problemFor('login_required')
          const now = await known(subject, params.id)
          return reply
            .header('cache-control', 'no-store')
            .send({ state: stateOf(now, clock.now()), url: urlOf(now) })
        },
      )
      actionRoutes(web, desk, {
        log: deps.log,
        listAfter: async ({ subject, headers }, { verdict, decided, refused }) =>
          pages.list(
            subject,
            languageOf(headers['accept-language']),
            listView(deps, subject, await ownOf(subject)),
            {
              verdict,
              decided: decided.map(shown),
              refused: await Promise.all(
                refused.map(async ({ id, problem }) => {
                  const request = await store.find(id)
                  const seen = request !== undefined && mayRead(deps, subject, request)
                  return { id, problem, request: seen ? request : null }
                }),
              ),
            },
          ),
      })
    },

    async account(request, session) {
      const now = clock.now()
      const me = { key: users.keyOf(session.user), holder: session.holder }
      const live = store
        .recent()
        .filter((one) => people.isOf(one, me) && stateOf(one, now) === 'approved')
        .flatMap((one) => (one.until === null ? [] : [{ request: one, until: one.until }]))
      if (live.length === 0) return null
      return { body: pages.account(languageOf(request.headers['accept-language']), live, now), scripts: [] }
    },
  }

  function needsPasskey(subject: Subject, { passkey }: { passkey: boolean }): boolean {
    return passkey && !desk.isConfirmed(subject)
  }
}

/** The overview of one person: `all` are the requests that the person has made, newest first. */
function listView(deps: RouteDeps, subject: Subject, all: readonly AccessRequest[]): ListView {
  const { desk, store, rules, people, catalog, users, clock } = deps
  const shown = shownBy(clock)
  const me = users.byName(subject.user)
  const recent = store.recent().map(shown).reverse()
  const decides = ({ request }: { request: AccessRequest }) =>
    me !== undefined && desk.reviewerOf(request, me) !== null
  const roles = me === undefined ? [] : people.rolesOf(me.name)
  return {
    reviews: rules.reviews(roles),
    now: clock.now(),
    ownerOf: ({ app }) => catalog.byId(app ?? '')?.labels.owner ?? '',
    waiting: recent.filter((one) => one.state === 'pending' && decides(one)),
    // Access that ends soon is first.
    live: recent
      .filter((one) => one.state === 'approved' && decides(one))
      .sort((one, other) => (one.request.until ?? 0) - (other.request.until ?? 0)),
    decided: recent.filter((one) => !OPEN.has(one.state) && decides(one)).slice(0, MOST_ROWS),
    own: all.slice(0, MOST_ROWS).map(shown),
    roles: rules.requestable(roles),
    apps: catalog
      .list()
      .filter(
        (app) =>
          app.enabled &&
          !all.some((one) => one.app === app.id && OPEN.has(stateOf(one, clock.now()))) &&
          !rules.roles.reach(roles, app).allowed &&
          rules.forApp(roles, app).length > 0,
      )
      .map((app) => ({ name: app.name, title: app.display?.name ?? app.name })),
  }
}

/** Whether the caller asked for it, decides about it or administers the hub. */
export function mayRead(
  { users, people, desk }: Pick<RouteDeps, 'users' | 'people' | 'desk'>,
  subject: Subject,
  request: AccessRequest,
) {
  if (subject.roles.includes('admin')) return true
  const user = users.byName(subject.user)
  if (user === undefined) return false
  return people.isOf(request, user) || desk.reviewerOf(request, user) !== null
}

/** Finds a request that the caller may read; 404 for everybody else. */
export const knownIn =
  (deps: RouteDeps) =>
  async (subject: Subject, id: string): Promise<AccessRequest> => {
    const request = await deps.store.find(id)
    if (request !== undefined && mayRead(deps, subject, request)) return request
    throw problems.unknown()
  }

/** The address of the path at the app; that of the app itself for a path that would lead elsewhere. */
function onSameOrigin(base: string, path: string | null): string {
  const url = path === null ? null : URL.parse(path, base)
  return url !== null && url.origin === new URL(base).origin ? url.href : base
}
