import * as Flags from '@oclif/core/flags'
import { BaseCommand, type Format } from './base-command.ts'
import { CliError } from './cli-error.ts'
import { chooseEndpoint } from './endpoint-choice.ts'
import { type CallOptions, createHubClient, type HubClient } from './hub-client.ts'
import { withSuggestion } from './name-suggestions.ts'
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
    const client = this.hub(flags)
    const calling = client.call(method, path, options).catch(async (error) => {
      throw await withSuggestion(client, path, options, error)
    })
    return withProgress('Waiting for the hub', calling)
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
