import { Type } from 'typebox'
import type { Catalog } from '../catalog/catalog.ts'
import { Problem } from '../web/problem.ts'
import type { WebRoutes } from '../web/web-routes.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'

const admin = { config: { access: 'admin' } } as const
const cutting = { config: { access: 'admin', cuts: true } } as const
const Filter = Type.Object(
  { user: Type.Optional(Type.String()), app: Type.Optional(Type.String()) },
  { additionalProperties: false },
)

/** `/v1/webapi/sessions`. Ending one ends what hangs on it; `cut` also says how many sessions. */
export function sessionRoutes(options: {
  readonly sessions: Pick<Sessions, 'list' | 'byId' | 'end' | 'live'>
  readonly catalog: Pick<Catalog, 'byId'>
}): WebRoutes {
  const { sessions, catalog } = options

  const show = (session: Session) => ({
    id: session.id,
    kind: session.kind,
    user: session.user,
    app: session.appId === null ? null : (catalog.byId(session.appId)?.name ?? null),
    created: new Date(session.created).toISOString(),
    last_used: new Date(session.lastUsed).toISOString(),
    expires: new Date(session.expires).toISOString(),
    client_ip: session.clientIp,
    mfa: session.satisfied.some(({ name }) => name === 'session-mfa'),
    streams: sessions.live.countBy({ sessionId: session.id }),
  })

  return {
    name: 'sessions',
    prefix: '/v1/webapi/sessions',
    async routes(web) {
      web.get<{ Querystring: { user?: string; app?: string } }>(
        '/',
        { ...admin, schema: { querystring: Filter } },
        async ({ query: { user, app } }) =>
          sessions
            .list()
            .map(show)
            .filter(
              (row) => (user === undefined || row.user === user) && (app === undefined || row.app === app),
            ),
      )
      web.delete<{ Params: { id: string } }>('/:id', cutting, async (request) => {
        const { id } = request.params
        if (!sessions.byId(id)) {
          throw new Problem(
            404,
            'session_not_found',
            `There is no session ${id}; \`mezctl sessions ls\` lists them.`,
          )
        }
        const ended = await sessions.end([id], 'revoked', request.subject)
        return { id, revoked: true, cut: { sessions: ended } }
      })
    },
  }
}
