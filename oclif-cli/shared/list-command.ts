import { AdminCommand, type AdminFlags } from './admin-command.ts'
import type { Query } from './hub-client.ts'
import { type Arrangement, appsWith, arranged, type ListFlags } from './list-flags.ts'
import { listOf, type Resource } from './resource.ts'
import { folded, showListing } from './table.ts'
import { formatTime } from './time.ts'

/** A list of the hub and how a table shows it. @public */
export interface Listing<T> extends Arrangement<T> {
  readonly path: string
  readonly query?: Query
  /** Printed instead of an empty table: the next step. */
  readonly empty: string
  /** The same if flags have left nothing. Default: `empty`. */
  readonly noMatch?: string
  /** Lines below the table. */
  readonly below?: (objects: readonly T[]) => readonly string[]
}

/** A command that prints a list: a table for people, one array for scripts. @public */
export abstract class ListCommand extends AdminCommand {
  protected async list<T>(flags: AdminFlags & ListFlags, listing: Listing<T>): Promise<void> {
    const { path, empty, noMatch = empty, below = () => [] } = listing
    const query = { ...listing.query, q: flags.q }
    const given = listOf<T>(await this.call(flags, 'GET', path, { query }))
    const ofApps =
      flags.label && listing.apps
        ? appsWith(listOf<Resource>(await this.call(flags, 'GET', '/apps')), flags.label)
        : undefined
    const found = arranged(given, flags, listing, ofApps)
    const shown = found.slice(0, flags.limit)
    const isFiltered =
      given.length > found.length || Object.values(query).some((value) => value !== undefined)
    await this.show(flags, shown, () => {
      if (shown.length === 0) return withNextStep(isFiltered ? noMatch : empty)
      const table = showRows(shown, listing)
      const lines = below(shown)
      return lines.length === 0 ? table : `${table}\n\n${lines.map((line) => folded(line)).join('\n')}`
    })
    if (shown.length < found.length)
      this.note(`note: ${shown.length} of ${found.length.toLocaleString('en')} shown; --limit N shows more`)
  }
}

/** A sentence whose command has a line of its own if both are too long for a terminal: a command that is broken cannot be copied. */
const withNextStep = (text: string): string =>
  text.length > (process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY)
    ? text.replace(/: (?=mezctl )/, ':\n')
    : text

/** The table, without the last columns if the terminal is too narrow for them. */
export function showRows<T>(
  objects: readonly T[],
  { columns }: Pick<Arrangement<T>, 'columns'>,
  width?: number,
): string {
  const shown = (object: T) =>
    columns.map(([, value, order]) => {
      const cell = value(object)
      const isTime = order !== undefined && typeof cell === 'string' && !Number.isNaN(Date.parse(cell))
      return isTime ? formatTime(cell) : cell
    })
  const { text, hidden } = showListing(
    columns.map(([title]) => title),
    objects.map(shown),
    width,
  )
  return hidden.length === 0
    ? text
    : `${text}\n\n${folded(`The terminal is too narrow for: ${hidden.join(', ')}. --format json has everything.`, width)}`
}
