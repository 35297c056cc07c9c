import { type App, type Catalog, Type, type Users, type WebRoutes } from '@mezite/core'
import { type RoleDocument, type RoleRule, readRole } from './role-resource.ts'
import { compileRole, type RoleSet, reachOf } from './role-set.ts'

const Rows = Type.Array(Type.Object({ user: Type.String(), app: Type.String() }))
const schema = {
  summary: 'Who would gain and who would lose access to what if the role were saved',
  returns: Type.Object({ users: Type.Integer(), gains: Rows, loses: Rows, truncated: Type.Boolean() }),
}

/** `POST /v1/webapi/roles/preview`. */
export function previewRoute(
  roles: RoleSet,
  rooms: { readonly users: Pick<Users, 'list' | 'rolesOf'>; readonly catalog: Pick<Catalog, 'list'> },
  rules: readonly RoleRule[] = [],
): WebRoutes['routes'] {
  return async (web) => {
    web.post('/preview', { config: { access: 'admin' }, schema }, async (request) =>
      previewRole(readRole(request.body, { rules }), { ...rooms, roles }),
    )
  }
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
    readonly roles: RoleSet
    readonly users: Pick<Users, 'list' | 'rolesOf'>
    readonly catalog: Pick<Catalog, 'list'>
  },
): RolePreview {
  const { roles: before, users, catalog } = options
  const { name } = document.metadata
  const after = { ...before, items: new Map(before.items).set(name, compileRole(document)) }
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
      const [old, next] = [isAllowed(before, roles, app), isAllowed(after, roles, app)]
      if (old === next) continue
      const list = next ? gains : loses
      if (list.length < MOST_ROWS) list.push({ user: user.name, app: app.name })
      else truncated = true
    }
  }
  return { users: having.length, gains, loses, truncated }
}

function isAllowed(roles: RoleSet, names: readonly string[], app: App): boolean {
  const { allowed, denied } = reachOf(roles, names, app)
  return allowed && !denied
}
