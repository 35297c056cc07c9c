import { type Query, showTable } from '@mezite/cli-shared'
import { AdminCommand } from './admin-command.ts'
import { listOf } from './resource.ts'

type GlobalFlags = { format: 'text' | 'json' | 'yaml'; json: boolean; 'data-dir'?: string | undefined }

/** A column: its title and what stands in it. */
export type Column<T> = readonly [title: string, value: (thing: T) => unknown]

export interface Listing<T> {
  readonly path: string
  readonly query?: Query
  readonly columns: readonly Column<T>[]
  /** Said instead of an empty table: what to do next. */
  readonly empty: string
}

/** A command that prints a list: a table for people, one array for scripts. */
export abstract class ListCommand extends AdminCommand {
  protected async list<T>(flags: GlobalFlags, listing: Listing<T>): Promise<void> {
    const answer = await this.call(flags, 'GET', listing.path, { query: listing.query ?? {} })
    const things = listOf<T>(answer)
    await this.show(flags, things, () =>
      things.length === 0
        ? listing.empty
        : showTable(
            listing.columns.map(([title]) => title),
            things.map((thing) => listing.columns.map(([, value]) => value(thing))),
          ),
    )
  }
}
