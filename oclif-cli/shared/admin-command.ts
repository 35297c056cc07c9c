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
    const send = () => withProgress('Waiting for the hub', client.call(method, path, options))
    return send()
      .catch(async (error: unknown) => {
        if (!(await confirmed(error))) throw error
        return send()
      })
      .catch(async (error: unknown) => {
        throw await withSuggestion(client, path, options, error)
      })
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

/** Lets the person confirm in the browser, if the hub has refused a change until then. False for other errors. */
async function confirmed(error: unknown): Promise<boolean> {
  if (!(error instanceof CliError) || error.code !== 'confirmation_required') return false
  const url = URL.parse(String(error.members.confirm_url ?? ''))
  if (url?.protocol !== 'https:') return false
  process.stderr.write('This change needs your passkey.\n')
  const { waitForRedirect } = await import('./browser-login.ts')
  await waitForRedirect(url, { name: url.host }, async () => {})
  return true
}
