import * as Flags from '@oclif/core/flags'
import { BaseCommand, type Format } from './base-command.ts'
import { CliError } from './cli-error.ts'
import { chooseEndpoint } from './endpoint-choice.ts'
import { type CallOptions, createHubClient, type HubClient, type Query } from './hub-client.ts'
import { listOf } from './resource.ts'
import { showTable } from './table.ts'
import { withProgress } from './terminal.ts'
import { escapeText } from './text-escaping.ts'

/** The flags of every command that talks to the hub. @public */
export interface AdminFlags {
  readonly format: Format
  readonly json: boolean
  readonly 'data-dir'?: string | undefined
}

/** The flag of every destructive command. @public */
export const yesFlag = {
  yes: Flags.boolean({ char: 'y', description: 'Skip the confirmation; required without a terminal' }),
}

/** A command that talks to the hub as an administrator. @public */
export abstract class AdminCommand extends BaseCommand {
  static override baseFlags = {
    ...BaseCommand.baseFlags,
    'data-dir': Flags.string({
      description: "The hub's data_dir, to use the admin socket in it (also MEZITE_DATA_DIR)",
      helpGroup: 'GLOBAL',
      helpValue: 'DIR',
    }),
  }

  #client: HubClient | null = null

  /** The hub of this command line. */
  protected hub(flags: Pick<AdminFlags, 'data-dir'>): HubClient {
    this.#client ??= createHubClient(chooseEndpoint(flags['data-dir']))
    return this.#client
  }

  /** One request; a terminal shows when it takes long. */
  protected call(
    flags: Pick<AdminFlags, 'data-dir'>,
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<unknown> {
    return withProgress('Waiting for the hub', this.hub(flags).call(method, path, options))
  }

  /** Prints the problems as warnings. With `--strict` throws `MEZ_NAME_UNKNOWN` instead, so call it before the change. */
  protected async checkNames(
    flags: { readonly strict: boolean },
    checked: Promise<readonly string[]>,
  ): Promise<void> {
    const problems = await checked
    if (problems.length > 0 && flags.strict) throw new CliError('MEZ_NAME_UNKNOWN', problems.join('\n'))
    for (const problem of problems) this.note(escapeText(`warning: ${problem}`))
  }
}

/** A column of a table: its title, and its value for one object. @public */
export type Column<T> = readonly [title: string, value: (object: T) => unknown]

/** A list of the hub and how a table shows it. @public */
export interface Listing<T> {
  readonly path: string
  readonly query?: Query
  readonly columns: readonly Column<T>[]
  /** Printed instead of an empty table: the next step. */
  readonly empty: string
  /** Lines below the table. */
  readonly below?: (objects: readonly T[]) => readonly string[]
}

/** A command that prints a list: a table for people, one array for scripts. @public */
export abstract class ListCommand extends AdminCommand {
  protected async list<T>(
    flags: AdminFlags,
    { path, query = {}, columns, empty, below = () => [] }: Listing<T>,
  ): Promise<void> {
    const objects = listOf<T>(await this.call(flags, 'GET', path, { query }))
    await this.show(flags, objects, async () => {
      if (objects.length === 0) return empty
      const table = showTable(
        columns.map(([title]) => title),
        objects.map((object) => columns.map(([, value]) => value(object))),
      )
      const lines = below(objects)
      return lines.length === 0 ? table : `${table}\n\n${lines.join('\n')}`
    })
  }
}
