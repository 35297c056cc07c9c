import { confirm, escapeText } from '@mezite/cli-shared'
import { Args, Flags, type Interfaces } from '@oclif/core'
import { AdminCommand } from './admin-command.ts'
import { cutText } from './cut-summary.ts'

export interface Removal {
  readonly method: string
  readonly path: string
  /** Asked on a terminal, such as `Remove app grafana?`. */
  readonly question: string
  /** Printed afterwards, such as `removed app grafana`. */
  readonly done: string
  /** What JSON and YAML print when the hub answers without a body. */
  readonly result: Readonly<Record<string, unknown>>
}

/** A command that takes one name, asks on a terminal, and destroys. */
export abstract class RemoveCommand extends AdminCommand {
  static override args: Interfaces.ArgInput = {
    name: Args.string({ required: true, description: 'what to remove' }),
  }
  static override flags = { yes: Flags.boolean({ char: 'y', description: 'do not ask' }) }

  protected abstract removal(name: string): Removal

  async run(): Promise<void> {
    const { args, flags } = await this.parse({
      // Of the command itself, which may call by another word what it takes.
      args: (this.constructor as typeof RemoveCommand).args,
      flags: RemoveCommand.flags,
      baseFlags: AdminCommand.baseFlags,
    })
    const [given] = Object.values(args as Record<string, string>)
    const removal = this.removal(given!)
    await confirm(removal.question, flags.yes)
    const answer = await this.call(flags, removal.method, removal.path)
    await this.show(flags, answer ?? removal.result, () => escapeText(removal.done + cutText(answer)))
  }
}
