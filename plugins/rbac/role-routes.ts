import { type Catalog, Type, type Users, type WebRoutes } from '@mezite/core'
import { previewRole } from './role-preview.ts'
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
const Rows = Type.Array(Type.Object({ user: Type.String(), app: Type.String() }))
const preview = {
  summary: 'Who would gain and who would lose access to what if the role were saved',
  returns: Type.Object({
    users: Type.Integer(),
    gains: Rows,
    loses: Rows,
    truncated: Type.Boolean(),
  }),
}
type Named = { Params: { name: string } }

/** `/v1/webapi/roles`. The built-in roles have no document. */
export function roleRoutes(
  roles: Roles,
  rooms: { readonly users: Pick<Users, 'list' | 'rolesOf'>; readonly catalog: Pick<Catalog, 'list'> },
): WebRoutes {
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
      web.post('/preview', { ...admin, schema: preview }, async (request) =>
        previewRole(readRole(request.body), { ...rooms, compiled: roles.compiled() }),
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
