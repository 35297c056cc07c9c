import {
  type Catalog,
  entityTags,
  ROLE_NAME,
  resourceRoutes,
  Type,
  type User,
  type Users,
  type WebRoutes,
} from '@mezite/core'
import type { Administration, Grants } from '@mezite/core/administration'
import type { LockView } from '@mezite/core/identity'

const Role = Type.String({ pattern: ROLE_NAME, must: 'the name of a role' })
const Roles = Type.Array(Role, { maxItems: 200 })
const CreateBody = Type.Closed({ name: Type.String({ maxLength: 4_096 }), roles: Roles })
const UpdateBody = Type.Closed({ roles: Roles })
const UserResource = Type.Object({
  name: Type.String(),
  display_name: Type.Nullable(Type.String({ description: 'As the identity provider says it' })),
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
    const who = { user, roles: users.rolesOf(user) }
    return locks.lockFor({ ...who, kind: 'session', sessionId: null, satisfied: [] }, null) !== null
  }
  const show = (user: User) => ({
    name: user.name,
    display_name: user.profile?.name ?? null,
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
  return resourceRoutes<User>(
    {
      ...{ name: 'user', collection: 'users', key: 'name', form: { flat: UserResource }, show },
      search: ({ name, profile, connector, lastLogin }) => [
        ...[profile?.name ?? name, name, profile?.email ?? '', `connector:${connector ?? 'none'}`],
        ...users.rolesOf(name).map((role) => `role:${role}`),
        `state:${isLocked(name) ? 'locked' : lastLogin === null ? 'never_signed_in' : 'active'}`,
        ...(grants.list(name).length > 0 ? ['state:granted'] : []),
      ],
      sorts: {
        name: ({ name }) => name,
        last_login: ({ lastLogin }) => lastLogin,
        created: ({ created }) => created,
      },
      list: { rows: () => users.list() },
      get: { find: (name) => users.byName(name) },
    },
    (on) => {
      on('POST /', { access: 'user.create', body: CreateBody }, async (_, { body, actor }) =>
        show(await changes.create(body.name, body.roles, actor)),
      )
      const update = { access: 'user.update', cuts: true } as const
      on('PATCH /:name', { ...update, body: UpdateBody }, async (name, { body, actor, headers }) =>
        show(await changes.update(name, body.roles, actor, headers)),
      )
      on('POST /:name/relink', update, async (name, { actor }) => {
        const user = await changes.relink(name, actor)
        return { ...show(user), cut: { sessions: user.endedSessions } }
      })
      on('DELETE /:name/mapped-roles', update, async (name, { actor }) => {
        const dropped = users.byName(name)?.mappedRoles
        return { ...show(await changes.dropMapped(name, actor)), dropped }
      })
      on('DELETE /:name', { access: 'user.delete', cuts: true }, async (name, { actor }) => {
        const user = await changes.remove(name, actor)
        return { name: user.name, removed: true, cut: { sessions: user.endedSessions } }
      })
    },
  )
}
