import { Args, Command } from '@oclif/core'
import { completionScript, SHELLS } from './completion-script.ts'
import { completionTree } from './completion-tree.ts'
import { type Commands, commandClasses } from './program.ts'

/** `completion bash|zsh|fish` of either program. */
export abstract class CompletionCommand extends Command {
  static override summary = 'print a completion script for bash, zsh or fish'
  static override examples = [
    'source <(<%= config.bin %> <%= command.id %> bash)',
    'source <(<%= config.bin %> <%= command.id %> zsh)',
    '<%= config.bin %> <%= command.id %> fish | source',
  ]
  static override args = {
    shell: Args.string({ required: true, options: [...SHELLS], description: 'which shell' }),
  }

  protected abstract commands(): Promise<Commands>

  async run(): Promise<void> {
    const { args } = await this.parse({ args: CompletionCommand.args })
    const classes = await commandClasses(await this.commands())
    const { topics = {} } = this.config.pjson.oclif as { topics?: Record<string, { description?: string }> }
    const tree = completionTree(this.config.bin, classes, topics)
    process.stdout.write(completionScript(args.shell as (typeof SHELLS)[number], tree))
  }

  /** Errors are printed in one place, by `reportError`. */
  protected override async catch(error: Error): Promise<never> {
    throw error
  }
}
