import { type Commands, CompletionCommand } from '@mezite/cli'

/** The command `completion` of a program with these commands. */
export const completionOf = (commands: Commands) =>
  class Completion extends CompletionCommand {
    protected async commands() {
      return commands
    }
  }
