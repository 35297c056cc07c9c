import { type AddRoute, type App, type Catalog, inTurns, Type } from '@mezite/core'
import type { AccountGroup, Explanations } from '@mezite/core/administration'
import type { RequestPreview } from '@mezite/core/types'
import { type RoleDocument, type RoleRule, readRole } from './role-resource.ts'
import { readRoles } from './role-rules.ts'
import { compileRole, type RoleSet, reachOf } from './role-set.ts'

const Names = Type.Array(Type.String())
const preview = {
  // It names people and the paths that they used.
  access: 'audit.list',
  summary: 'Who would gain and who would lose access to what if the role were saved',
  returns: Type.Object({
    users: Type.Integer({ description: 'How many people and programs have the role' }),
    opens: Type.Integer({
      description: 'How many apps the role would allow, as far as its own rules decide',
    }),
    apps: Type.Integer({ description: 'Of how many apps' }),
    groups: Type.Array(
      Type.Object({
        users: Names,
        gains: Type.Array(Type.String({ description: 'Names of apps' })),
        loses: Names,
      }),
      {
        description:
          'Everybody whose access changes, by the apps that they gain and lose; the most apps lost first',
      },
    ),
    // Null: nothing keeps requests.
    requests: Type.Nullable(
      Type.Object({
        requests: Type.Integer({
          description: 'How many requests of the last day were compared, of those who have the role',
        }),
        users: Type.Integer({ description: 'Of how many people and programs' }),
        complete: Type.Boolean({ description: 'False: there were more requests than were compared' }),
        refused: Type.Integer({ description: 'How many of them would be refused' }),
        examples: Type.Array(
          Type.Object({
            user: Type.String(),
            app: Type.String(),
            method: Type.String(),
            path: Type.String(),
            count: Type.Integer(),
          }),
          { description: 'What would be refused, the most frequent first; at most 100' },
        ),
      }),
    ),
  }),
} as const

/** `POST /v1/webapi/roles/preview`. */
export function previewRoute(
  roles: RoleSet,
  rooms: { readonly explanations: Pick<Explanations, 'groups'>; readonly catalog: Pick<Catalog, 'list'> },
  rules: readonly RoleRule[] = [],
): (on: AddRoute) => void {
  return (on) =>
    on('POST /preview', preview, (_, { body }) =>
      previewRole(readRole(body, { rules }), { ...rooms, roles, rules }),
    )
}

/** People and programs that gain and lose access to the same apps. */
interface ChangedGroup {
  readonly users: readonly string[]
  readonly gains: readonly string[]
  readonly loses: readonly string[]
}

/**
 * The changes of access when a role is saved, as far as roles decide; locks and other policies are not considered. Complete,
 * whatever there is of people and apps: decided once for each set of roles.
 */
interface RolePreview {
  /** How many people and programs have the role, with those that have it for a time. */
  readonly users: number
  /** How many of `apps` the role would allow by itself. */
  readonly opens: number
  readonly apps: number
  readonly groups: readonly ChangedGroup[]
  readonly requests: RequestPreview | null
}

/** Compares what those who have a role may open before and after the document is saved. */
async function previewRole(
  document: RoleDocument,
  options: Parameters<typeof previewRoute>[1] & {
    readonly roles: RoleSet
    readonly rules: readonly RoleRule[]
  },
): Promise<RolePreview> {
  const { roles: before, explanations, catalog, rules } = options
  const { name } = document.metadata
  const compiled = compileRole(document)
  const after = { ...before, items: new Map(before.items).set(name, compiled) }
  const apps: App[] = []
  const all = catalog.list()
  let opens = 0
  for await (const app of inTurns(all)) {
    const [old, next] = [before.items.get(name)?.match(app), compiled.match(app)]
    if (next.allow && !next.deny) opens++
    if (old?.allow !== next.allow || old.deny !== next.deny) apps.push(app)
  }
  let users = 0
  const holders: AccountGroup[] = []
  /** By the changes, one character for each of `apps`. */
  const found = new Map<string, string[]>()
  for await (const group of inTurns(await explanations.groups())) {
    if (!hasRole(group, name)) continue
    users += group.accounts.length
    holders.push(group)
    let changes = ''
    for await (const app of inTurns(apps)) {
      const [old, next] = [before, after].map((roles) => mayOpen(roles, group, app))
      changes += old === next ? '=' : next ? '+' : '-'
    }
    const names = found.get(changes) ?? []
    found.set(changes, names)
    for (const account of group.accounts) names.push(account.name)
  }
  const named = (changes: string, mark: string) =>
    apps.filter((_, at) => changes[at] === mark).map((app) => app.name)
  const groups = [...found]
    .map(
      ([changes, users]): ChangedGroup => ({
        users,
        gains: named(changes, '+'),
        loses: named(changes, '-'),
      }),
    )
    .filter(({ gains, loses }) => gains.length + loses.length > 0)
  const bySize = (one: ChangedGroup, other: ChangedGroup) =>
    other.loses.length - one.loses.length || other.gains.length - one.gains.length
  const change = { before: readRoles(before), after: readRoles(after), groups: holders }
  let requests: RequestPreview | null = null
  for (const rule of rules) requests ??= (await rule.preview?.(change)) ?? null
  return { users, opens, apps: all.length, groups: groups.sort(bySize), requests }
}

/** An agent has the roles of its person beside its own: either can be what it lacks. */
function hasRole({ roles, grants, actsFor }: AccountGroup, name: string): boolean {
  return (
    roles.includes(name) ||
    grants.some(({ role }) => role === name) ||
    (actsFor !== undefined && hasRole(actsFor, name))
  )
}

function mayOpen(roles: RoleSet, { rolesAt, actsFor }: AccountGroup, app: App): boolean {
  return isAllowed(roles, rolesAt(app), app) && (actsFor === undefined || mayOpen(roles, actsFor, app))
}

function isAllowed(roles: RoleSet, names: readonly string[], app: App): boolean {
  const { allowed, denied } = reachOf(roles, names, app)
  return allowed && !denied
}
