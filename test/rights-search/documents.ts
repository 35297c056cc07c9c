/** What the documents of a hub say about rights, and a second, plain reading of it: as little like the hub's own code as possible. */
import type { AdminClient } from '../../core/program/admin/admin-client.ts'

interface Rule {
  readonly kinds: readonly string[]
  readonly verbs: readonly string[]
  readonly where?: { readonly labels: Readonly<Record<string, string | readonly string[]>> }
}
interface Side {
  readonly admin?: readonly Rule[]
  readonly request?: { readonly roles?: readonly string[] }
  readonly review?: { readonly roles?: readonly string[] }
}
interface Named<S> {
  readonly metadata: { readonly name: string; readonly labels?: Labels }
  readonly spec: S
}
export type Labels = Readonly<Record<string, string>>

/** Somebody, or a program, who may have rights. */
interface Holder {
  readonly name: string
  /** Roles that count now, those for a time included. */
  readonly roles: readonly string[]
  /** Those of them that are for a time. What they deny, they deny for that time: without them, a person has what was theirs. */
  readonly granted: readonly string[]
  /** Roles that a sign-in gives. */
  readonly mapped: readonly string[]
}

/** All that decides about rights at one moment, as the operator reads it. */
export interface Documents {
  readonly roles: ReadonlyMap<string, { readonly allow?: Side; readonly deny?: Side }>
  readonly holders: ReadonlyMap<string, Holder>
  /** Things whose labels count, by `KIND NAME`. */
  readonly things: ReadonlyMap<string, Labels>
  /** Targets of locks, such as `user ann@example.com`. */
  readonly locked: ReadonlySet<string>
}

/** Kinds whose things have labels that count, and where their documents are. */
export const LABELLED = {
  app: '/apps',
  app_source: '/app-sources',
  bot: '/bots',
  connector: '/connectors',
  role: '/roles',
} as const
type LabelledKind = keyof typeof LABELLED
/** The value of the claim that each person has at the provider. */
export const GROUP = 'staff'

interface User {
  readonly name: string
  readonly roles: readonly string[]
  readonly grants: readonly { readonly role: string; readonly apps: readonly string[] | null }[]
}
interface Bot {
  readonly roles: readonly string[]
  readonly api?: boolean
}
interface Connector {
  readonly claims_to_roles?: readonly { readonly value?: string; readonly roles: readonly string[] }[]
}

/** Reads everything that decides about rights, as the operator. */
export async function readDocuments(api: AdminClient): Promise<Documents> {
  const kinds = Object.entries(LABELLED) as [LabelledKind, string][]
  const [users, locks, ...lists] = await Promise.all([
    api<User[]>('GET', '/users?limit=1000'),
    api<{ target: Record<string, string> }[]>('GET', '/locks?limit=1000'),
    ...kinds.map(([, path]) => api<Named<unknown>[]>('GET', `${path}?limit=1000`)),
  ])
  const of = <S>(kind: LabelledKind) => lists[kinds.findIndex(([one]) => one === kind)] as Named<S>[]
  const mapped = of<Connector>('connector').flatMap(({ spec }) =>
    (spec.claims_to_roles ?? []).flatMap(({ value, roles }) => (value === GROUP ? roles : [])),
  )
  const bots = of<Bot>('bot').map(({ metadata, spec }) => ({
    name: `bot:${metadata.name}`,
    roles: spec.api ? spec.roles : [],
    granted: [],
    mapped: [],
  }))
  const people = users.map(({ name, roles, grants }) => {
    const granted = grants.flatMap(({ role, apps }) => (apps === null && !roles.includes(role) ? [role] : []))
    return { name, roles: [...roles, ...granted], granted, mapped }
  })
  return {
    roles: new Map(of<object>('role').map(({ metadata, spec }) => [metadata.name, spec])),
    holders: new Map([...people, ...bots].map((one) => [one.name, one])),
    things: new Map(
      kinds.flatMap(([kind]) =>
        of(kind).map(({ metadata }) => [`${kind} ${metadata.name}`, metadata.labels ?? {}] as const),
      ),
    ),
    locked: new Set(locks.flatMap(({ target }) => Object.entries(target).map((each) => each.join(' ')))),
  }
}

/** Labels of a thing, a thing that somebody may make (`ANY`), or all of a kind that has none (`ALL`). */
export type Row = Labels | typeof ALL
export const ALL = 'everything'

/** One right over one thing: `app.update of app grafana`. */
export type Cell = string

/**
 * What somebody may administer. `roles`: those that count instead of theirs. `potential`: also by roles that a sign-in gives, and by
 * those that they may ask for or approve.
 */
export function cellsOf(
  { roles: documents, locked }: Documents,
  { name, roles: own, granted, mapped }: Holder,
  rows: ReadonlyMap<string, Row>,
  rights: readonly string[],
  {
    potential = false,
    roles = own,
  }: { readonly potential?: boolean; readonly roles?: readonly string[] } = {},
): ReadonlySet<Cell> {
  const held = new Set(roles)
  // What roles for a time take away, they take for that time.
  const lasting = potential ? roles.filter((role) => !granted.includes(role)) : roles
  if (locked.has(`user ${name}`) || lasting.some((role) => locked.has(`role ${role}`))) return new Set()
  const reached = new Set(potential ? [...held, ...mapped] : held)
  if (potential)
    for (const role of reached)
      for (const side of [documents.get(role)?.allow?.request, documents.get(role)?.allow?.review])
        for (const next of side?.roles ?? []) reached.add(next)
  const allowed = [...reached].flatMap((role) => documents.get(role)?.allow?.admin ?? [])
  const denied = lasting.flatMap((role) => documents.get(role)?.deny?.admin ?? [])
  const cells = new Set<Cell>()
  const byKind = Map.groupBy(rows, ([of]) => of.split(' ')[0])
  for (const right of rights) {
    const [kind, verb] = right.split('.') as [string, string]
    const about = ({ kinds, verbs }: Rule) =>
      (kinds.includes(kind) || kinds.includes('*')) && (verbs.includes(verb) || verbs.includes('*'))
    const allow = allowed.filter(about)
    const deny = denied.filter(about)
    for (const [of, row] of byKind.get(kind) ?? []) {
      const fits = ({ where }: Rule, who: ReadonlySet<string>, isDenied: boolean) => {
        if (where === undefined) return true
        if (row === ALL) return isDenied
        return Object.entries(where.labels).every(([key, wanted]) =>
          [wanted].flat().some((value) => {
            const has = row[key]
            if (has === undefined) return false
            if (value === '{{user.name}}') return has === name
            return value === '{{user.roles}}' ? who.has(has) : has === value
          }),
        )
      }
      const isOpen =
        reached.has('admin') ||
        (allow.some((rule) => fits(rule, reached, false)) && !deny.some((rule) => fits(rule, held, true)))
      if (isOpen) cells.add(`${right} of ${of}`)
    }
  }
  return cells
}
