import { showYaml } from '@mezite/cli-shared'
import { Args } from '@oclif/core'
import { AdminCommand } from './admin-command.ts'

/** A command that shows one thing: the whole document as YAML for people, too. */
export abstract class GetCommand extends AdminCommand {
  static override args = { name: Args.string({ required: true, description: 'what to show' }) }

  protected abstract target(name: string): string

  /** For people; the YAML of the document unless the command has something better. */
  protected async text(thing: unknown): Promise<string> {
    return showYaml(thing)
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse({ args: GetCommand.args, baseFlags: AdminCommand.baseFlags })
    const thing = await this.call(flags, 'GET', this.target(args.name))
    await this.show(flags, thing, () => this.text(thing))
  }
}
