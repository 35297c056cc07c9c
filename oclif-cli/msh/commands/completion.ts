import { CliError, type Commands, CompletionCommand } from '@mezite/cli'
import { hubClientOf, identityOf, loginStore, mshHome } from '@mezite/cli/identity'
import type { Command } from '@oclif/core/command'

/** The command `completion` of a program with these commands. */
export const completionOf = (commands: Commands): Command.Class =>
  class Completion extends CompletionCommand {
    protected async commands() {
      return commands
    }
    protected folder() {
      return mshHome()
    }
    protected hub() {
      const profile = loginStore().get()
      const client = profile === null ? null : hubClientOf(identityOf(profile))
      if (client === null) throw new CliError('MEZ_NOT_LOGGED_IN', 'nobody is signed in')
      return client
    }
  }
