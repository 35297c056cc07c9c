import { messageOf } from '../kernel/error.ts'
import type { Actor } from './audit.ts'
import type { Transaction } from './database.ts'
import type { ResourceDefinition, ResourceParts, WithinChange } from './define-resource.ts'
import { entityTags, type Preconditions } from './resource.ts'
import { missing } from './resource-routes.ts'
import type { Change } from './revisions.ts'
import type { RowLabels } from './rights.ts'
import type { Subject } from './subject.ts'
import { tableView } from './table-view.ts'

/** A stored change: the row, and the members that `within` adds to the response. */
export interface StoredChange<Row> {
  readonly row: Row
  readonly more: object
}

/** The stored resources of one declaration: read from memory on every hub, written through the change sequence. */
export interface Collection<Item, Row extends object = object, Input = unknown> {
  /** By key. Unreadable ones are not in it. */
  readonly items: ReadonlyMap<string, Item>
  /** Keys of stored rows that `read` rejects. */
  readonly unreadable: ReadonlySet<string>
  /** Those that the caller may see. */
  list(subject: Subject): readonly Item[]
  /** Throws `Problem` 404 if there is none, or none that the caller may see. */
  known(key: string, subject?: Subject): Item
  /** The JSON, with the `etag` of a document. */
  show(item: Item): object
  /** Creates or replaces one. Throws `Problem` 412 `changed_meanwhile` if the preconditions do not hold. */
  put(
    key: string,
    input: Input,
    by: Actor,
    preconditions?: Preconditions,
  ): Promise<StoredChange<Row> & { readonly created: boolean }>
  create(input: Input, by: Actor): Promise<StoredChange<Row>>
  /**
   * Changes columns of one, for routes beyond the usual verbs: `set` gets the stored row, and its result is recorded as
   * `<name>.<event>` (default: `updated`). Throws `Problem` 404, and what `set` throws.
   */
  update(
    key: string,
    by: Actor,
    set: (row: Row) => Partial<Row>,
    options?: { readonly event?: string; readonly within?: WithinChange<Row> },
  ): Promise<StoredChange<Row>>
  /** Throws `Problem` 404. */
  remove(key: string, by: Actor): Promise<StoredChange<Row>>
}

/** The table is the one of the definition, which names its columns. */
// biome-ignore lint/suspicious/noExplicitAny: each definition has its own table
const anyTables = (trx: Transaction) => trx.withTables<any>()

/** Keeps the items in memory, up to date by the change sequence. Every change is recorded in its own transaction. */
export function createCollection<Item, Row extends object, Input>(
  definition: ResourceDefinition<Item, Row, Input>,
  { revisions, log, clock }: ResourceParts,
): Collection<Item, Row, Input> {
  const { name, noun = name, table, changeKind = name, verbs, visible = () => true } = definition
  const key: string = definition.key
  const items = new Map<string, Item>()
  const unreadable = new Set<string>()
  const keyOf = (row: Row) => String(row[definition.key])

  function add(row: Row): void {
    try {
      items.set(keyOf(row), definition.read(row))
    } catch (error) {
      const means = definition.unreadable ?? 'it is not used'
      log.error({ [name]: keyOf(row), cause: messageOf(error) }, `a stored ${noun} is unreadable: ${means}`)
      unreadable.add(keyOf(row))
    }
  }
  const view = tableView<Row>({
    name: definition.collection,
    kind: changeKind,
    table,
    key: definition.key,
    swap(keys, rows) {
      for (const one of keys ?? [...items.keys(), ...unreadable]) {
        items.delete(one)
        unreadable.delete(one)
      }
      for (const row of rows) add(row)
      definition.swapped?.(items)
    },
  })
  const { rowsOf } = view
  revisions.addView(view)

  /** Rows that are unreadable can be replaced and removed. */
  function refuseHidden(one: string, { subject }: Actor): void {
    const item = items.get(one)
    if (item !== undefined && !visible(item, subject)) throw missing(definition, one)
  }

  function show(item: Item): object {
    if (!('spec' in definition.form)) return definition.show(item)
    const { status = {}, ...document } = definition.show(item) as { status?: object }
    return { ...document, status: { etag: entityTags.of(document), ...status } }
  }
  /** The content that an ETag stands for; an unreadable row matches none. */
  function content(row: Row): object {
    try {
      const { status: _, ...document } = definition.show(definition.read(row)) as { status?: object }
      return document
    } catch {
      return { ...row }
    }
  }

  /** One change: `store` writes, and the rest follows from the declaration. */
  const change = (
    type: string | null,
    within: WithinChange<Row> | undefined,
    by: Actor,
    store: (...change: [Transaction, Change]) => Promise<{ row: Row; old: Row | undefined }>,
  ) =>
    revisions.write(async (trx, change) => {
      const { row, old } = await store(trx, change)
      change.touch(changeKind, keyOf(row))
      const event = `${name}.${type ?? (old ? 'updated' : 'created')}`
      await change.audit({ type: event, success: true, by, fields: definition.audited(row) })
      const more = (await within?.({ trx, change, row, old, by })) ?? {}
      return { row, more, created: old === undefined }
    }, by)

  return {
    items,
    unreadable,
    show,
    list: (subject) => [...items.values()].filter((item) => visible(item, subject)),
    known(one, subject) {
      const item = items.get(one)
      if (item === undefined || (subject && !visible(item, subject))) throw missing(definition, one)
      return item
    },
    async put(one, input, by, preconditions = {}) {
      refuseHidden(one, by)
      return change(null, verbs.put?.within, by, async (trx) => {
        const [old] = await rowsOf(trx, [one])
        entityTags.check(preconditions, old && content(old))
        const row = verbs.put!.row(input, old, clock.now())
        if ('spec' in definition.form) {
          const before = old && labelsIn(content(old))
          by.mayGive?.({
            labels: { kind: changeKind, ...(before && { before }), after: labelsIn(content(row)) },
          })
        }
        if (old) await anyTables(trx).updateTable(table).set(row).where(key, '=', one).execute()
        else await anyTables(trx).insertInto(table).values(row).execute()
        return { row, old }
      })
    },
    async create(input, by) {
      let shown: object = {}
      const done = await change('created', verbs.create?.within, by, async (trx, change) => {
        const made = await verbs.create!.row(input, by, clock.now(), { trx, change })
        shown = made.shown ?? {}
        await anyTables(trx).insertInto(table).values(made.row).execute()
        return { row: made.row, old: undefined }
      })
      return { row: done.row, more: { ...shown, ...done.more } }
    },
    async update(one, by, set, { event = 'updated', within } = {}) {
      refuseHidden(one, by)
      return change(event, within, by, async (trx) => {
        const [old] = await rowsOf(trx, [one])
        if (old === undefined) throw missing(definition, one)
        const columns = set(old)
        await anyTables(trx).updateTable(table).set(columns).where(key, '=', one).execute()
        return { row: { ...old, ...columns }, old }
      })
    },
    async remove(one, by) {
      verbs.remove?.refuse?.(one)
      refuseHidden(one, by)
      return change('deleted', verbs.remove?.within, by, async (trx) => {
        const row = await anyTables(trx)
          .deleteFrom(table)
          .where(key, '=', one)
          .returningAll()
          .executeTakeFirst()
        if (row === undefined) throw missing(definition, one)
        return { row: row as Row, old: row as Row }
      })
    },
  }
}

/** The labels of a document that has been checked. */
export const labelsIn = (document: object): RowLabels =>
  (document as { metadata?: { labels?: RowLabels } }).metadata?.labels ?? {}
