import type { App, Catalog, Subject, Users } from '@mezite/core'
import type { RoleDocument } from './role-resource.ts'
import { compileRole, type StoredRole, voteByRoles } from './role-set.ts'

/** Rows of each list of the response. */
const MOST_ROWS = 500
/** Pairs of a user and an app that one preview decides about. */
const MOST_PAIRS = 500_000

/** One user's access to one app. */
interface Row {
  readonly user: string
  readonly app: string
}

/** What changes when a role is saved, as far as roles decide; locks and other policies are not considered. */
export interface RolePreview {
  /** How many users have the role. */
  readonly users: number
  readonly gains: readonly Row[]
  readonly loses: readonly Row[]
  /** True if there are more rows, or if there were too many users and apps to check all. */
  readonly truncated: boolean
}

/** Compares what the users of a role may open before and after the document is saved. */
export function previewRole(
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
