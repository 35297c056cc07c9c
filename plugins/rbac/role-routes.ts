import { Type, type WebRoutes } from '@mezite/core'
import { RoleSpec, readRole } from './role-resource.ts'
import { type Roles, roleNotFound } from './roles.ts'

const admin = { config: { access: 'admin' } } as const
const cutting = { config: { access: 'admin', cuts: true } } as const
const RoleResource = Type.Object({
  kind: Type.String(),
  version: Type.String(),
  metadata: Type.Object({
    name: Type.String(),
    description: Type.Optional(Type.String()),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  }),
  spec: RoleSpec,
})
type Named = { Params: { name: string } }

/** `/v1/webapi/roles`. The built-in roles have no document. */
export function roleRoutes(roles: Roles): WebRoutes {
  return {
    name: 'roles',
    prefix: '/v1/webapi/roles',
    async routes(web) {
      const list = { summary: 'All roles with a document', returns: Type.Array(RoleResource) }
      web.get('/', { ...admin, schema: list }, async () => roles.list())
      web.get<Named>(
        '/:name',
        { ...admin, schema: { returns: RoleResource } },
        async ({ params: { name } }) => {
          const document = roles.get(name)
          if (!document) throw roleNotFound(name)
          return document
        },
      )
      web.put<Named>('/:name', cutting, async (request, reply) => {
        const document = readRole(request.body, { name: request.params.name })
        const { created } = await roles.put(document, request.actor)
        if (created) reply.code(201)
        return { created, resource: document }
      })
      web.delete<Named>('/:name', cutting, async (request) => {
        const { name } = request.params
        await roles.remove(name, request.actor)
        return { name, removed: true }
      })
    },
  }
}

/** `/v1/webapi/schemas/role`: the JSON Schema of a role's `spec`, for `mezctl explain`. */
export const roleSchemaRoutes: WebRoutes = {
  name: 'role-schema',
  prefix: '/v1/webapi/schemas',
  async routes(web) {
    web.get('/role', admin, async () => RoleSpec)
  },
}
