import { Problem, type PublicNames, type Static, Type, type WebRoutes } from '@mezite/core'
import { type Administration, PageQuery, pageOf } from '@mezite/core/administration'
import type { Authorities } from '@mezite/core/identity'

const DEFAULT_TTL_SECONDS = 3_600
const LONGEST_TTL_SECONDS = 30 * 24 * 3_600

const Body = Type.Closed({
  roles: Type.Array(Type.Literal('app'), { minItems: 1, maxItems: 1 }),
  ttl_seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: LONGEST_TTL_SECONDS })),
  agent_hostname: Type.Optional(Type.Nullable(Type.String())),
})

const TokenResource = Type.Object({
  id: Type.String(),
  name: Type.Null(),
  roles: Type.Array(Type.String()),
  agent_hostname: Type.Nullable(Type.String()),
  created: Type.String(),
  expires: Type.String(),
  used_at: Type.Nullable(Type.String()),
})
const NewToken = Type.Object({
  id: Type.String(),
  token: Type.String(),
  ca_pin: Type.String(),
  command: Type.String(),
})

/** `/v1/webapi/tokens`: join tokens. A token is shown once, on creation. */
export function tokenRoutes(options: {
  readonly administration: Pick<Administration, 'joinTokens'>
  readonly authorities: Pick<Authorities, 'pin'>
  readonly publicNames: Pick<PublicNames, 'hubOrigin'>
}): WebRoutes {
  const { authorities } = options
  const { joinTokens: tokens } = options.administration
  return {
    name: 'tokens',
    prefix: '/v1/webapi/tokens',
    async routes(web) {
      const list = {
        summary: 'All join tokens',
        querystring: PageQuery,
        returns: Type.Array(TokenResource),
      }
      web.get('/', { config: { access: 'admin' }, schema: list }, async (request, reply) => {
        const page = await pageOf(request, reply, await tokens.list(), {
          keyOf: ({ created, id }) => `${created.toISOString()} ${id}`,
          textOf: ({ id, agent_hostname }) => `${id} ${agent_hostname ?? ''}`,
          descending: true,
        })
        return page.map((row) => ({
          id: row.id,
          name: null,
          roles: ['app'],
          agent_hostname: row.agent_hostname,
          created: row.created.toISOString(),
          expires: row.expires.toISOString(),
          used_at: row.used_at?.toISOString() ?? null,
        }))
      })
      web.post<{ Body: Static<typeof Body> }>(
        '/',
        { config: { access: 'admin' }, schema: { body: Body, returns: NewToken } },
        async (request, reply) => {
          const { ttl_seconds: ttl = DEFAULT_TTL_SECONDS, agent_hostname: wanted = null } = request.body
          const input = { agentHostname: wanted, ttlMs: ttl * 1_000, by: request.actor }
          const { id, token } = await tokens.create(input)
          const host = wanted === null ? '' : ` --hostname ${wanted.toLowerCase()}`
          const { host: hubHost, port } = new URL(options.publicNames.hubOrigin)
          const publicAddr = port === '' ? `${hubHost}:443` : hubHost
          // The token is passed on standard input, because other users can see command-line arguments.
          const command = `mezd start --proxy ${publicAddr} --token-file - --ca-pin ${authorities.pin()}${host}`
          reply.code(201)
          return { id, token, ca_pin: authorities.pin(), command }
        },
      )
      web.delete<{ Params: { id: string } }>(
        '/:id',
        { config: { access: 'admin' } },
        async (request, reply) => {
          const { id } = request.params
          const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)
          if (!isUuid || !(await tokens.remove(id, request.actor))) {
            throw new Problem(404, 'token_not_found', `There is no join token ${id}.`)
          }
          return reply.code(204).send()
        },
      )
    },
  }
}
