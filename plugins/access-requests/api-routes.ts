import { apiRoutes, resourceRoutes, type Static, type Subject, Type, type WebRoutes } from '@mezite/core'
import { PageQuery } from '@mezite/core/administration'
import { durationOf, reasonOf } from './form-fields.ts'
import { knownIn, mayRead, type RouteDeps } from './page-routes.ts'
import { problemFor } from './reasons.ts'
import { type AccessRequest, shownRequest, stateOf } from './request.ts'
import type { Language } from './texts.ts'

const Text = Type.Nullable(Type.String())
const RequestResource = Type.Object({
  id: Type.String(),
  state: Type.String({
    description: 'pending, approved, denied, cancelled, expired, revoked or ended',
  }),
  user: Type.String(),
  asked_by: Type.Nullable(Type.String({ description: 'Who asked in place of the person' })),
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
const { break_glass: _, ...InPlace } = CreateBody.properties
/** Break-glass is for the person alone, who confirms it with a passkey. */
const CreateForBody = Type.Closed(InPlace)
const ApproveBody = Type.Closed({ for: Type.Optional(Type.String({ maxLength: 20 })) })
const DenyBody = Type.Closed({ reason: Type.Optional(Type.String({ maxLength: 2_000 })) })
const ListQuery = Type.Closed({
  ...PageQuery.properties,
  mine: Type.Optional(Type.Boolean({ description: 'Only those of the caller' })),
  state: Type.Optional(Type.String({ maxLength: 20, description: 'Only those in this state' })),
})
const WaitQuery = Type.Closed({
  was: Type.Optional(Type.String({ maxLength: 20, description: 'Wait until the state is another one' })),
})
const WAIT_MS = 20_000

/** What a body asks for. */
function inputOf({ app, role, for: time, reason = '' }: Static<typeof CreateForBody>, language: Language) {
  if ((app === undefined) === (role === undefined))
    throw problemFor('request_invalid', 'Name an app or a role, and not both.')
  return { app, role, durationMs: durationOf(time), reason: reasonOf(reason), language }
}

/** `/v1/webapi/users/:name/access-requests`: a help desk asks in place of a person, by what the person may ask for. */
export function inPlaceRoutes({ desk, users, clock, languageOf }: RouteDeps): WebRoutes {
  const route = {
    access: 'request.create',
    summary: 'Ask for an app or a role in place of a person',
    body: CreateForBody,
    returns: RequestResource,
  } as const
  return apiRoutes('users', (on) => {
    on('POST /:name/access-requests', route, async (name, { body, actor, headers }, reply) => {
      const person = users.byName(name)
      if (person === undefined) throw problemFor('user_not_found', `There is no user ${name}.`)
      const input = inputOf(body, languageOf(headers['accept-language']))
      const made = await desk.create(input, actor, person)
      reply.code(201)
      return shownRequest(made, clock.now())
    })
  })
}

/** `/v1/webapi/access-requests`. Callers see their own requests and those that they decide about; administrators see all. */
export function requestRoutes(deps: RouteDeps): WebRoutes {
  const { desk, store, people, users, clock, languageOf } = deps
  /** Why somebody was denied is for those who decide. */
  function show(request: AccessRequest, { user }: Subject) {
    const shown = shownRequest(request, clock.now())
    if (!people.isBy(request, user)) return shown
    return { ...shown, reviews: shown.reviews.map((review) => ({ ...review, reason: null })) }
  }

  const known = knownIn(deps)
  return resourceRoutes<AccessRequest>(
    {
      ...{ name: 'request', collection: 'access-requests', key: 'id', form: { flat: RequestResource }, show },
      newestFirst: true,
      search: (request) => [
        ...[request.user_name, request.app_name ?? '', request.role, request.reason, request.id],
        `state:${stateOf(request, clock.now())}`,
      ],
      sorts: {
        user: ({ user_name }) => user_name,
        created: ({ created }) => Number(created),
        until: ({ until }) => (until === null ? null : Number(until)),
      },
      list: {
        access: 'user',
        summary: 'Requests that concern the caller, the newest first',
        query: ListQuery,
        async rows({ subject, query }) {
          const { mine = false, state } = query as Static<typeof ListQuery>
          const all = await store.list(mine ? { key: users.keyOf(subject.user) } : {})
          return all.filter(
            (request) =>
              (mine ? people.isBy(request, subject.user) : mayRead(deps, subject, request)) &&
              (state === undefined || stateOf(request, clock.now()) === state),
          )
        },
      },
    },
    (on) => {
      const user = { access: 'user', returns: RequestResource } as const
      const cutting = { ...user, cuts: true }
      const one = { ...user, summary: 'One request', querystring: WaitQuery }
      on('GET /:id', one, async (id, request, reply) => {
        const { subject, query } = request
        const found = await known(subject, id)
        if (stateOf(found, clock.now()) !== query.was) return show(found, subject)
        const gone = new AbortController()
        reply.raw.once('close', () => gone.abort())
        await store.changed(found.id, WAIT_MS, gone.signal)
        const again = await request.identifyAgain()
        if (again === null) throw problemFor('login_required', 'Sign in again.')
        return show(await known(again, id), again)
      })
      const ask = { ...user, summary: 'Ask for an app or a role', body: CreateBody }
      on('POST /', ask, async (_, { body, actor, headers }) => {
        const input = {
          ...inputOf(body, languageOf(headers['accept-language'])),
          breakGlass: body.break_glass ?? false,
        }
        return show(await desk.create(input, actor), actor.subject)
      })
      const approve = { ...user, summary: 'Approve a request', body: ApproveBody }
      on('POST /:id/approve', approve, async (id, { body, actor }) => {
        const forMs = body?.for === undefined ? undefined : durationOf(body.for)
        return show(await desk.approve(id, actor, { forMs }), actor.subject)
      })
      const deny = { ...user, summary: 'Deny a request', body: DenyBody }
      on('POST /:id/deny', deny, async (id, { body, actor }) =>
        show(await desk.deny(id, actor, reasonOf(body?.reason ?? '') || null), actor.subject),
      )
      const cancel = { ...cutting, summary: 'Take back a request, or end the access' }
      on('POST /:id/cancel', cancel, async (id, { actor }) =>
        show(await desk.cancel(id, actor), actor.subject),
      )
      const revoke = { ...cutting, summary: 'End the access of a request' }
      on('POST /:id/revoke', revoke, async (id, { actor }) =>
        show(await desk.revoke(id, actor), actor.subject),
      )
    },
  )
}
