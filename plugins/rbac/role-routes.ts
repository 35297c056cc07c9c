import {
  type App,
  type Catalog,
  entityTags,
  type Subject,
  Type,
  type Users,
  type WebRoutes,
} from '@mezite/core'
import { type RoleDocument, RoleSpec, readRole } from './role-resource.ts'
import { compileRole, type StoredRole, voteByRoles } from './role-set.ts'
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
  status: Type.Object({ etag: Type.String({ description: 'For If-Match of a change' }) }),
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
const shown = (document: RoleDocument) => ({ ...document, status: { etag: entityTags.of(document) } })
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
      web.get('/', { ...admin, schema: list }, async () => roles.list().map(shown))
      web.get<Named>(
        '/:name',
        { ...admin, schema: { returns: RoleResource } },
        async ({ params: { name } }) => {
          const document = roles.get(name)
          if (!document) throw roleNotFound(name)
          return shown(document)
        },
      )
      web.post('/preview', { ...admin, schema: preview }, async (request) =>
        previewRole(readRole(request.body), { ...rooms, compiled: roles.compiled() }),
      )
      web.put<Named>('/:name', cutting, async (request, reply) => {
        const document = readRole(request.body, { name: request.params.name })
        const { created } = await roles.put(document, request.actor, request.headers)
        if (created) reply.code(201)
        return { created, resource: shown(document) }
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

/** Rows of each list of the response. */
const MOST_ROWS = 500
/** Pairs of a user and an app that one preview decides about. */
const MOST_PAIRS = 500_000

/** One user's access to one app. */
interface Row {
  readonly user: string
  readonly app: string
}

/** The changes of access when a role is saved, as far as roles decide; locks and other policies are not considered. */
interface RolePreview {
  /** How many users have the role. */
  readonly users: number
  readonly gains: readonly Row[]
  readonly loses: readonly Row[]
  /** True if there are more rows, or if there were too many users and apps to check all. */
  readonly truncated: boolean
}

/** Compares what the users of a role may open before and after the document is saved. */
function previewRole(
  document: RoleDocument,
  options: {
    readonly compiled: ReadonlyMap<string, StoredRole>
    readonly users: Pick<Users, 'list' | 'rolesOf'>
    readonly catalog: Pick<Catalog, 'list'>
  },
): RolePreview {
  const { compiled, users, catalog } = options
  const { name } = document.metadata
  const after = new Map(compiled).set(name, compileRole(document))
  const having = users.list().filter((user) => users.rolesOf(user.name).includes(name))
  const apps = catalog.list()
  const gains: Row[] = []
  const loses: Row[] = []
  let pairs = 0
  let truncated = false
  for (const user of having) {
    const roles = users.rolesOf(user.name)
    for (const app of apps) {
      pairs += 1
      if (pairs > MOST_PAIRS) return { users: having.length, gains, loses, truncated: true }
      const [old, next] = [allows(compiled, roles, app), allows(after, roles, app)]
      if (old === next) continue
      const list = next ? gains : loses
      if (list.length < MOST_ROWS) list.push({ user: user.name, app: app.name })
      else truncated = true
    }
  }
  return { users: having.length, gains, loses, truncated }
}

function allows(roles: ReadonlyMap<string, StoredRole>, names: readonly string[], app: App): boolean {
  let allowed = false
  let denied = false
  const subject: Subject = { user: '', roles: names, kind: 'session', sessionId: null, satisfied: [] }
  voteByRoles(
    roles,
    { subject, app, context: { protocol: app.protocol, clientIp: '' } },
    {
      allow: () => {
        allowed = true
      },
      deny: () => {
        denied = true
      },
      require: () => {},
    },
  )
  return allowed && !denied
}
