import { type PublicNames, resourceRoutes, Type, type WebRoutes } from '@mezite/core'
import { type Administration, PageQuery } from '@mezite/core/administration'
import type { Authorities } from '@mezite/core/identity'
import { problemFor } from './reasons.ts'

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
  return resourceRoutes(
    {
      ...{
        name: 'token',
        noun: 'join token',
        collection: 'tokens',
        key: 'id',
        form: { flat: TokenResource },
      },
      order: ({ created, id }) => `${created.toISOString()} ${id}`,
      newestFirst: true,
      search: ({ id, agent_hostname, used_at }) => [
        ...[agent_hostname ?? id, id],
        `state:${used_at === null ? 'unused' : 'used'}`,
      ],
      sorts: {
        agent_hostname: ({ agent_hostname }) => agent_hostname,
        created: ({ created }) => created.getTime(),
        expires: ({ expires }) => expires.getTime(),
      },
      list: { rows: () => tokens.list(), query: PageQuery },
      show: ({ id, agent_hostname, created, expires, used_at }) => ({
        ...{ id, name: null, roles: ['app'], agent_hostname },
        created: created.toISOString(),
        expires: expires.toISOString(),
        used_at: used_at?.toISOString() ?? null,
      }),
    },
    (on) => {
      on('POST /', { access: 'token.create', body: Body, returns: NewToken }, async (_, { body, actor }) => {
        const { ttl_seconds: ttl = DEFAULT_TTL_SECONDS, agent_hostname: wanted = null } = body
        const { id, token } = await tokens.create({ agentHostname: wanted, ttlMs: ttl * 1_000, by: actor })
        const host = wanted === null ? '' : ` --hostname ${wanted.toLowerCase()}`
        const { host: hubHost, port } = new URL(options.publicNames.hubOrigin)
        const publicAddr = port === '' ? `${hubHost}:443` : hubHost
        // The token is passed on standard input, because other users can see command-line arguments.
        const command = `mezd start --proxy ${publicAddr} --token-file - --ca-pin ${authorities.pin()}${host}`
        return { id, token, ca_pin: authorities.pin(), command }
      })
      on('DELETE /:id', { access: 'token.delete' }, async (id, { actor }) => {
        const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)
        if (!isUuid || !(await tokens.remove(id, actor)))
          throw problemFor('token_not_found', `There is no join token ${id}.`)
        return undefined
      })
    },
  )
}
