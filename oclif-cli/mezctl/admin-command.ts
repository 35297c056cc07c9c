import { BaseCommand, createHubClient, type HubClient, type Query, withProgress } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { chooseConnection } from './connection-choice.ts'

/** A command that talks to the hub as an administrator. */
export abstract class AdminCommand extends BaseCommand {
  static override baseFlags = {
    ...BaseCommand.baseFlags,
    'data-dir': Flags.string({
      description: "the hub's data_dir, for the admin socket in it (also MEZITE_DATA_DIR)",
      helpGroup: 'GLOBAL',
    }),
  }

  #client: HubClient | null = null

  /** The hub of this command line, chosen once. */
  protected hub(flags: { 'data-dir'?: string | undefined }): HubClient {
    this.#client ??= createHubClient(chooseConnection(flags['data-dir']))
    return this.#client
  }

  /** One request; a terminal shows that it takes long. */
  protected call(
    flags: { 'data-dir'?: string | undefined },
    method: string,
    path: string,
    options: { body?: unknown; query?: Query; deadlineMs?: number } = {},
  ): Promise<unknown> {
    return withProgress('Waiting for the hub', this.hub(flags).call(method, path, options))
  }
}
