import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import type * as Interfaces from '@oclif/core/interfaces'
import { BaseCommand, type Format, showYaml } from './base-command.ts'
import { chooseEndpoint } from './endpoint-choice.ts'
import { type CallOptions, createHubClient, type HubClient, type Query } from './hub-client.ts'
import { cutText, listOf } from './resource.ts'
import { showTable } from './table.ts'
import { confirm, withProgress } from './terminal.ts'
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
      const table = await showTable(
        columns.map(([title]) => title),
        objects.map((object) => columns.map(([, value]) => value(object))),
      )
      const lines = below(objects)
      return lines.length === 0 ? table : `${table}\n\n${lines.join('\n')}`
    })
  }
}

/** A command that prints one object, for people as YAML. Its one argument is a name. @public */
export abstract class GetCommand extends AdminCommand {
  static override args: Interfaces.ArgInput = {
    name: Args.string({ required: true, description: 'Name' }),
  }

  /** The path of the object. */
  protected abstract target(name: string): string

  async run(): Promise<void> {
    const { args } = this.constructor as typeof GetCommand
    const { args: given, flags } = await this.parse({ args, baseFlags: AdminCommand.baseFlags })
    const [name] = Object.values(given as Record<string, string>)
    const object = await this.call(flags, 'GET', this.target(name!))
    await this.show(flags, object, () => showYaml(object))
  }
}

/** A removal: its request, its question and its result. @public */
export interface Removal {
  readonly method: string
  readonly path: string
  /** Asked on a terminal, such as `Remove app grafana?`. */
  readonly question: string
  /** Printed afterwards, such as `Removed app grafana.` */
  readonly done: string
  /** The result in JSON and YAML if the hub responds without a body. */
  readonly result: Readonly<Record<string, unknown>>
}

/** A destructive command with one argument, a name or an id. @public */
export abstract class RemoveCommand extends AdminCommand {
  static override args: Interfaces.ArgInput = {
    name: Args.string({ required: true, description: 'Name' }),
  }
  static override flags = yesFlag

  protected abstract removal(name: string): Removal

  async run(): Promise<void> {
    const { args, flags } = await this.parse({
      args: (this.constructor as typeof RemoveCommand).args,
      flags: RemoveCommand.flags,
      baseFlags: AdminCommand.baseFlags,
    })
    const [name] = Object.values(args as Record<string, string>)
    const removal = this.removal(name!)
    await confirm(removal.question, flags.yes)
    const response = await this.call(flags, removal.method, removal.path)
    await this.show(flags, response ?? removal.result, () => escapeText(removal.done + cutText(response)))
  }
}
