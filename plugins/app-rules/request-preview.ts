import { type App, type Catalog, inTurns } from '@mezite/core'
import { readAccessRequest } from '@mezite/core/administration'
import type { RecordedRequests, RequestPreview, RoleChange, RoleReader } from '@mezite/core/types'
import { createRuleSet } from './rule-set.ts'

const MOST_EXAMPLES = 100

/** Which requests of the last day an edited role would refuse, that the roles allow as they are. Decided once for equal requests. */
export async function previewRequests(
  { before, after, groups }: RoleChange,
  rooms: {
    readonly recorded: RecordedRequests
    readonly catalog: Pick<Catalog, 'byName'>
  },
): Promise<RequestPreview> {
  /** What decides about an account: its roles, and for an agent those of its person too. */
  const rolesOf = new Map<string, readonly ((app: App) => readonly string[])[]>()
  for (const { accounts, rolesAt, actsFor } of groups) {
    const sides = [rolesAt, ...(actsFor ? [actsFor.rolesAt] : [])].map((rolesAt) => {
      const known = new Map<App, readonly string[]>()
      return (app: App): readonly string[] => {
        const roles = known.get(app) ?? rolesAt(app)
        known.set(app, roles)
        return roles
      }
    })
    for (const { name } of accounts) rolesOf.set(name, sides)
  }
  const [now, then] = [before, after].map(
    (reader: RoleReader) => createRuleSet(reader, { revision: () => 0, origins: [] }).denialOf,
  ) as [Denial, Denial]
  const { requests, complete } = await rooms.recorded.ofLastDay()
  const users = new Set<string>()
  const found = new Map<string, { readonly example: Example; isRefused: boolean; count: number }>()
  let compared = 0
  for await (const { user, app: name, method, target, upgrade = false } of inTurns(requests)) {
    const [app, sides] = [rooms.catalog.byName(name), rolesOf.get(user)]
    if (app === undefined || sides === undefined) continue
    compared += 1
    users.add(user)
    const key = [user, name, method, upgrade, target].join(' ')
    let known = found.get(key)
    if (known === undefined) {
      const request = readAccessRequest({ method, target, upgrade })
      const allows = (denialOf: Denial) =>
        sides.every((rolesAt) => denialOf(rolesAt(app), app, request) === null)
      const isRefused = allows(now) && !allows(then)
      known = { example: { user, app: name, method, path: target }, isRefused, count: 0 }
      found.set(key, known)
    }
    known.count += 1
  }
  const refused = [...found.values()].filter(({ isRefused }) => isRefused).sort((a, b) => b.count - a.count)
  return {
    requests: compared,
    users: users.size,
    complete,
    refused: refused.reduce((sum, { count }) => sum + count, 0),
    examples: refused.slice(0, MOST_EXAMPLES).map(({ example, count }) => ({ ...example, count })),
  }
}

type Denial = ReturnType<typeof createRuleSet>['denialOf']
type Example = Omit<RequestPreview['examples'][number], 'count'>
