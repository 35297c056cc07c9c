import type { Catalog, Users } from '@mezite/core'
import type { AccessRequest } from './request.ts'
import type { RequestRules } from './rules.ts'

/** An app that a request opens, and the rules by which it does. */
export interface Gain {
  readonly app: string
  readonly because: readonly string[]
}

/** Finds what the person who asks would gain beside the roles that are assigned or mapped. */
export function createGains({
  rules,
  catalog,
  users,
}: {
  readonly rules: RequestRules
  readonly catalog: Pick<Catalog, 'list'>
  readonly users: Pick<Users, 'rolesOf'>
}) {
  return (request: AccessRequest): readonly Gain[] => {
    const before = users.rolesOf(request.user_name)
    return catalog
      .list()
      .filter((app) => request.app === null || app.id === request.app)
      .filter((app) => !rules.roles.reach(before, app).allowed)
      .filter((app) => !rules.roles.reach([...before, request.role], app).denied)
      .map((app) => ({ app: app.name, because: rules.because(request, app) }))
      .filter(({ because }) => because.length > 0)
  }
}
