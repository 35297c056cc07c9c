import { Problem, type Subject, Type, type WebRoutes } from '@mezite/core'
import { durationOf, reasonOf } from './form-fields.ts'
import { knownIn, mayRead, type RouteDeps } from './page-routes.ts'
import { type AccessRequest, shownRequest, stateOf } from './request.ts'

const user = { config: { access: 'user' } } as const
const cutting = { config: { access: 'user', cuts: true } } as const
const Text = Type.Nullable(Type.String())
const RequestResource = Type.Object({
  id: Type.String(),
  state: Type.String({
    description: 'pending, approved, denied, cancelled, expired, revoked or ended',
  }),
  user: Type.String(),
  role: Type.String(),
  app: Text,
  reason: Type.String(),
  duration_ms: Type.Number(),
  granted_ms: Type.Nullable(Type.Number({ description: 'For how long access was given' })),
  approvals: Type.Integer({ description: 'How many people must approve' }),
  break_glass: Type.Boolean(),
  created: Text,
  expires: Text,
  closed: Text,
  grant_id: Text,
  until: Text,
  first_used: Text,
  reviews: Type.Array(
    Type.Object({ reviewer: Type.String(), approves: Type.Boolean(), reason: Text, time: Text }),
  ),
})
const Name = Type.Optional(Type.String({ minLength: 1, maxLength: 64 }))
const CreateBody = Type.Closed({
  app: Name,
  role: Name,
  for: Type.String({ maxLength: 20, description: 'A duration such as 2h' }),
  reason: Type.Optional(Type.String({ maxLength: 2_000 })),
  break_glass: Type.Optional(Type.Boolean()),
})
const ApproveBody = Type.Closed({ for: Type.Optional(Type.String({ maxLength: 20 })) })
const DenyBody = Type.Closed({ reason: Type.Optional(Type.String({ maxLength: 2_000 })) })
const ListQuery = Type.Closed({
  mine: Type.Optional(Type.Boolean({ description: 'Only those of the caller' })),
  state: Type.Optional(Type.String({ maxLength: 20, description: 'Only those in this state' })),
})
const WaitQuery = Type.Closed({
  was: Type.Optional(Type.String({ maxLength: 20, description: 'Wait until the state is another one' })),
})
const WAIT_MS = 20_000
type Named = { Params: { id: string } }

/** `/v1/webapi/access-requests`. Callers see their own requests and those that they decide about; administrators see all. */
export function apiRoutes(deps: RouteDeps): WebRoutes {
  const { desk, store, people, users, clock, languageOf } = deps
  /** Why somebody was denied is for those who decide. */
  function show(request: AccessRequest, { user }: Subject) {
    const shown = shownRequest(request, clock.now())
    if (!people.isBy(request, user)) return shown
    return { ...shown, reviews: shown.reviews.map((review) => ({ ...review, reason: null })) }
  }

  const known = knownIn(deps)

  return {
    name: 'access-requests',
    prefix: '/v1/webapi/access-requests',
    async routes(web) {
      web.get<{ Querystring: { mine?: boolean; state?: string } }>(
        '/',
        {
          ...user,
          schema: {
            summary: 'Requests that concern the caller, the newest first',
            querystring: ListQuery,
            returns: Type.Array(RequestResource),
          },
        },
        async ({ subject, query: { mine = false, state } }) => {
          const all = await store.list(mine ? { key: users.keyOf(subject.user) } : {})
          const shown = all
            .filter((request) =>
              mine ? people.isBy(request, subject.user) : mayRead(deps, subject, request),
            )
            .map((request) => show(request, subject))
          return state === undefined ? shown : shown.filter((one) => one.state === state)
        },
      )

      web.get<Named & { Querystring: { was?: string } }>(
        '/:id',
        {
          ...user,
          schema: { summary: 'One request', querystring: WaitQuery, returns: RequestResource },
        },
        async (request, reply) => {
          const { subject, params, query } = request
          const found = await known(subject, params.id)
          if (stateOf(found, clock.now()) !== query.was) return show(found, subject)
          const gone = new AbortController()
          reply.raw.once('close', () => gone.abort())
          await store.changed(found.id, WAIT_MS, gone.signal)
          const again = await request.identifyAgain()
          if (again === null) throw new Problem(401, 'login_required', 'Sign in again.')
          return show(await known(again, params.id), again)
        },
      )

      web.post<{
        Body: { app?: string; role?: string; for: string; reason?: string; break_glass?: boolean }
      }>(
        '/',
        {
          ...user,
          schema: { summary: 'Ask for an app or a role', body: CreateBody, returns: RequestResource },
        },
        async ({ body, actor, headers }, reply) => {
          const { app, role, reason = '', break_glass: breakGlass = false } = body
          if ((app === undefined) === (role === undefined))
            throw new Problem(400, 'request_invalid', 'Name an app or a role, and not both.')
          const input = {
            app,
            role,
            durationMs: durationOf(body.for),
            reason: reasonOf(reason),
            breakGlass,
            language: languageOf(headers['accept-language']),
          }
          reply.code(201)
          return show(await desk.create(input, actor), actor.subject)
        },
      )

      web.post<Named & { Body: { for?: string } | null }>(
        '/:id/approve',
        { ...user, schema: { summary: 'Approve a request', body: ApproveBody, returns: RequestResource } },
        async ({ params, body, actor }) =>
          show(
            await desk.approve(params.id, actor, body?.for === undefined ? undefined : durationOf(body.for)),
            actor.subject,
          ),
      )
      web.post<Named & { Body: { reason?: string } | null }>(
        '/:id/deny',
        { ...user, schema: { summary: 'Deny a request', body: DenyBody, returns: RequestResource } },
        async ({ params, body, actor }) =>
          show(await desk.deny(params.id, actor, reasonOf(body?.reason ?? '') || null), actor.subject),
      )
      web.post<Named>(
        '/:id/cancel',
        {
          ...cutting,
          schema: { summary: 'Take back a request, or end the access', returns: RequestResource },
        },
        async ({ params, actor }) => show(await desk.cancel(params.id, actor), actor.subject),
      )
      web.post<Named>(
        '/:id/revoke',
        { ...cutting, schema: { summary: 'End the access of a request', returns: RequestResource } },
        async ({ params, actor }) => show(await desk.revoke(params.id, actor), actor.subject),
      )
    },
  }
}
