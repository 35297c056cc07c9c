/** Who gained what by a path of changes, as the documents before and after it say. */
import { RIGHTS } from '../hub/route-rights.ts'
import type { Step } from './changes.ts'
import type { Answered } from './cluster.ts'
import { ALL, type Cell, cellsOf, type Documents, LABELLED, type Labels, type Row } from './documents.ts'
import { PEOPLE } from './drawn-documents.ts'

export const KINDS_OF_RIGHTS = Object.keys(RIGHTS)

/** What is kept of a path to judge it. */
export interface Judge {
  readonly before: Documents
  /** Who acted, and the roles of the API token if it was one. */
  readonly actors: Map<string, { readonly by: string; readonly roles?: readonly string[] }>
  /** Things that the path made, with their first labels. */
  readonly created: Map<string, Labels>
  /** Whose credentials somebody got: an account, or roles that an invitation gives. */
  readonly given: (string | { readonly name: string; readonly roles: readonly string[] })[]
  /** Whether a request was approved, so that the asker may now have what was only possible before. */
  approved: boolean
  changed: boolean
}

/** Keeps the first labels of what a step has made. */
export function noteThing({ kind, path, body }: Step, { status }: Answered, { created }: Judge): void {
  if (status !== 201 || !(kind.endsWith('.save') || kind === 'app.make')) return
  const { metadata } = body as { readonly metadata: { readonly name: string; readonly labels?: Labels } }
  const [of] = Object.entries(LABELLED).find(([, one]) => one === `/${path.split('/')[1]}`) ?? []
  created.set(`${of} ${metadata.name}`, metadata.labels ?? {})
}

/** Things that are there, things that somebody may have, and everything of each kind. */
export function rowsOf(things: ReadonlyMap<string, Labels>): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>(things)
  const kinds = new Set(KINDS_OF_RIGHTS.map((right) => right.split('.')[0]!))
  for (const kind of kinds) rows.set(`${kind} ${ALL}`, ALL)
  for (const kind of Object.keys(LABELLED))
    for (const owner of [...PEOPLE, 'r1', 'r2', 'nobody']) rows.set(`${kind} of ${owner}`, { owner })
  for (const inviter of PEOPLE) rows.set(`invitation by ${inviter}`, { inviter })
  return rows
}

/** Whether somebody has the right over something. */
export const hasSome = (cells: ReadonlySet<Cell>, right: string) =>
  [...cells].some((cell) => cell.startsWith(`${right} of `))

/** What somebody has after the path that neither they had before nor one of the actors. */
export function gainsOf(
  { before, actors, created, given, approved }: Judge,
  after: Documents,
): readonly string[] {
  const rowsAfter = rowsOf(after.things)
  // An approved change may have made it too.
  const firstOf = (name: string) =>
    created.get(name) ?? (before.things.has(name) ? null : after.things.get(name))
  // Over a new thing, nobody gains the rights that they have over all things, and who makes it gives those of its first labels.
  const labelsOf = (name: string, first: boolean): Labels => {
    const made = firstOf(name)
    return made ? (first ? made : {}) : (before.things.get(name) ?? {})
  }
  const at = (first: boolean) =>
    rowsOf(new Map([...after.things.keys()].map((name) => [name, labelsOf(name, first)] as const)))
  const own = new Set<Cell>()
  for (const { by, roles } of actors.values()) {
    const holder = before.holders.get(by)
    if (holder === undefined) continue
    const counted = roles?.filter((role) => holder.roles.includes(role))
    const how = { potential: approved, ...(counted && { roles: counted }) }
    for (const cell of cellsOf(before, holder, at(true), KINDS_OF_RIGHTS, how)) own.add(cell)
  }
  const mapped = [...after.holders.values()].find(({ name }) => !name.startsWith('bot:'))?.mapped ?? []
  const had = [...before.holders.values()].find(({ name }) => !name.startsWith('bot:'))?.mapped ?? []
  const gains: string[] = []
  const compare = (who: string, cells: ReadonlySet<Cell>, old: ReadonlySet<Cell>) => {
    const more = [...cells].filter((cell) => !old.has(cell) && !own.has(cell))
    if (more.length > 0)
      gains.push(
        `${who}: ${more.slice(0, 3).join('; ')}${more.length > 3 ? ` and ${more.length - 3} more` : ''}`,
      )
  }
  for (const holder of after.holders.values()) {
    const nobody = {
      name: holder.name,
      roles: [],
      granted: [],
      mapped: holder.name.startsWith('bot:') ? [] : had,
    }
    const old = before.holders.get(holder.name) ?? nobody
    compare(
      holder.name,
      cellsOf(after, holder, rowsAfter, KINDS_OF_RIGHTS, { potential: true }),
      cellsOf(before, old, at(false), KINDS_OF_RIGHTS, { potential: true }),
    )
  }
  for (const one of given) {
    const holder = typeof one === 'string' ? after.holders.get(one) : { ...one, granted: [], mapped }
    if (holder === undefined) continue
    const cells = cellsOf(after, holder, rowsAfter, KINDS_OF_RIGHTS, { potential: true })
    compare(`who has the credential of ${holder.name}`, cells, new Set())
  }
  return gains
}
