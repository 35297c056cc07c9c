import { ROLE_NAME, Type, type WebRoutes } from '@mezite/core'
import { PageQuery, pageOf } from '@mezite/core/protocol'
import type { ApiToken, RunningApiTokens } from './api-tokens.ts'

const admin = { config: { access: 'admin' } } as const
const DEFAULT_TTL_SECONDS = 30 * 24 * 3_600
const LONGEST_TTL_SECONDS = 366 * 24 * 3_600
const Name = Type.String({
  pattern: '^[a-z0-9][a-z0-9._-]{0,62}$',
  must: 'small letters, digits, dots, hyphens and underscores, at most 63, the first a letter or a digit',
})
const Body = Type.Object(
  {
    name: Name,
    roles: Type.Array(Type.String({ pattern: ROLE_NAME, must: 'the name of a role' }), {
      minItems: 1,
      maxItems: 200,
    }),
    ttl_seconds: Type.Optional(
      Type.Integer({ minimum: 60, maximum: LONGEST_TTL_SECONDS, must: 'a minute to 366 days, in seconds' }),
    ),
  },
  { additionalProperties: false },
)
const time = Type.Union([Type.String(), Type.Null()])
const members = {
  id: Type.String(),
  name: Type.String(),
  roles: Type.Array(Type.String()),
  creator: Type.String(),
  created: time,
  expires: time,
  used_at: time,
}
const NewToken = Type.Object({ ...members, token: Type.String() })

interface TokenBody {
  readonly name: string
  readonly roles: readonly string[]
  readonly ttl_seconds?: number
}

/** `/v1/webapi/api-tokens`: credentials of programs. A token is shown once, on creation. */
export function apiTokenRoutes({ apiTokens }: { readonly apiTokens: RunningApiTokens }): WebRoutes {
  return {
    name: 'api-tokens',
    prefix: '/v1/webapi/api-tokens',
    async routes(web) {
      const list = {
        summary: 'All API tokens',
        querystring: PageQuery,
        returns: Type.Array(Type.Object(members)),
      }
      web.get('/', { ...admin, schema: list }, async (request, reply) =>
        pageOf(request, reply, await apiTokens.list(), {
          keyOf: ({ name, id }) => `${name} ${id}`,
          textOf: ({ name, id, roles, creator }) => [name, id, creator, ...roles].join(' '),
        }).map((token) => ({ ...show(token), used_at: timeOf(token.usedAt) })),
      )
      web.post<{ Body: TokenBody }>(
        '/',
        { ...admin, schema: { body: Body, returns: NewToken } },
        async (request, reply) => {
          const { name, roles, ttl_seconds: ttl = DEFAULT_TTL_SECONDS } = request.body
          const wanted = { name, roles, ttlMs: ttl * 1_000 }
          const { token, secret } = await apiTokens.create(wanted, request.actor)
          reply.code(201)
          return { ...show(token), used_at: null, token: secret }
        },
      )
      web.delete<{ Params: { id: string } }>('/:id', admin, async (request) => {
        const { id, name } = await apiTokens.remove(request.params.id, request.actor)
        return { id, name, removed: true }
      })
    },
  }
}

const show = ({ id, name, roles, creator, created, expires }: ApiToken) => ({
  id,
  name,
  roles,
  agent_hostname: null,
  creator,
  created: timeOf(created),
  expires: timeOf(expires),
})

const timeOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())
