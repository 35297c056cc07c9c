import {
  type Catalog,
  entityTags,
  mapInTurns,
  Problem,
  ROLE_NAME,
  Type,
  type User,
  type Users,
  type WebRoutes,
} from '@mezite/core'
import { type Administration, type Grants, pageOf } from '@mezite/core/administration'
import type { LockView } from '@mezite/core/identity'
import { NamedPageQuery } from './named-page-query.ts'

const admin = { config: { access: 'admin' } } as const
const cutting = { config: { access: 'admin', cuts: true } } as const
const Role = Type.String({ pattern: ROLE_NAME, must: 'the name of a role' })
const Roles = Type.Array(Role, { maxItems: 200 })
const CreateBody = Type.Closed({ name: Type.String({ maxLength: 4_096 }), roles: Roles })
const UpdateBody = Type.Closed({ roles: Roles })
const UserResource = Type.Object({
  name: Type.String(),
  etag: Type.String({ description: 'For If-Match of a change of own_roles' }),
  locked: Type.Boolean({ description: 'A lock on the person, or on a role of the person' }),
  roles: Type.Array(Type.String(), { description: 'Own and mapped roles together' }),
  own_roles: Type.Array(Type.String()),
  mapped_roles: Type.Array(Type.String(), { description: 'From the claims of the last sign-in' }),
  identity: Type.Nullable(Type.Object({ issuer: Type.String(), sub: Type.String() })),
  connector: Type.Nullable(Type.String()),
  created: Type.String(),
  last_login: Type.Nullable(Type.String()),
  grants: Type.Array(
    Type.Object({
      id: Type.String(),
      role: Type.String(),
      apps: Type.Nullable(Type.Array(Type.String({ description: 'UUIDs of the only apps where it counts' }))),
      app_names: Type.Nullable(
        Type.Array(Type.String({ description: 'Their names, of those that are registered' })),
      ),
      until: Type.String(),
    }),
    { description: 'Roles that the user has for a time' },
  ),
})
type Named = { Params: { name: string } }

/** `/v1/webapi/users`. Removing and relinking end the person's sessions; `cut` also contains their number. */
export function userRoutes(options: {
  readonly administration: Pick<Administration, 'users'>
  readonly users: Pick<Users, 'byName' | 'list' | 'rolesOf'>
  readonly grants: Pick<Grants, 'list'>
  readonly locks: LockView
  readonly catalog: Pick<Catalog, 'byId'>
}): WebRoutes {
  const { users, grants, locks, catalog } = options
  const { users: changes } = options.administration

  const isLocked = (user: string): boolean => {
    const subject = {
      user,
      roles: users.rolesOf(user),
      kind: 'session',
      sessionId: null,
      satisfied: [],
    } as const
    return locks.lockFor(subject, null) !== null
  }
  const show = (user: User) => ({
    name: user.name,
    etag: entityTags.of(JSON.stringify(user.ownRoles)),
    locked: isLocked(user.name),
    roles: users.rolesOf(user.name),
    own_roles: user.ownRoles,
    mapped_roles: user.mappedRoles,
    identity: user.identity,
    connector: user.connector,
    created: new Date(user.created).toISOString(),
    last_login: user.lastLogin === null ? null : new Date(user.lastLogin).toISOString(),
    grants: grants.list(user.name).map(({ id, role, apps, until }) => ({
      id,
      role,
      apps,
      app_names: apps?.flatMap((app) => catalog.byId(app)?.name ?? []) ?? null,
      until: new Date(until).toISOString(),
    })),
  })
  const known = (name: string): User => {
    const user = users.byName(name)
    if (!user)
      throw new Problem(404, 'user_not_found', `There is no user ${name}; \`mezctl users ls\` lists them.`)
    return user
  }
  return {
    name: 'users',
    prefix: '/v1/webapi/users',
    async routes(web) {
      const list = { summary: 'All users', querystring: NamedPageQuery, returns: Type.Array(UserResource) }
      web.get('/', { ...admin, schema: list }, async (request, reply) => {
        const page = await pageOf(request, reply, users.list(), {
          keyOf: (user) => user.name,
          textOf: (user) => [user.name, ...users.rolesOf(user.name)].join(' '),
        })
        return mapInTurns(page, show)
      })
      web.post<{ Body: { name: string; roles: string[] } }>(
        '/',
        { ...admin, schema: { body: CreateBody } },
        async (request, reply) => {
          const { name, roles } = request.body
          const user = await changes.create(name, roles, request.actor)
          reply.code(201)
          return show(user)
        },
      )
      const get = { summary: 'One user', returns: UserResource }
      web.get<Named>('/:name', { ...admin, schema: get }, async ({ params }) => show(known(params.name)))
      web.patch<Named & { Body: { roles: string[] } }>(
        '/:name',
        { ...cutting, schema: { body: UpdateBody } },
        async ({ params, body, actor, headers }) =>
          show(await changes.update(params.name, body.roles, actor, headers)),
      )
      web.post<Named>('/:name/relink', cutting, async (request) => {
        const user = await changes.relink(request.params.name, request.actor)
        return { ...show(user), cut: { sessions: user.endedSessions } }
      })
      web.delete<Named>('/:name/mapped-roles', cutting, async (request) => {
        const dropped = known(request.params.name).mappedRoles
        return { ...show(await changes.dropMapped(request.params.name, request.actor)), dropped }
      })
      web.delete<Named>('/:name', cutting, async (request) => {
        const user = await changes.remove(request.params.name, request.actor)
        return { name: user.name, removed: true, cut: { sessions: user.endedSessions } }
      })
    },
  }
}
