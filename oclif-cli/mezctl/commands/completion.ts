import { type Commands, CompletionCommand, chooseEndpoint, createHubClient, mezctlHome } from '@mezite/cli'
import type { Command } from '@oclif/core/command'

/** The command `completion` of a program with these commands. */
export const completionOf = (commands: Commands): Command.Class =>
  class Completion extends CompletionCommand {
    protected async commands() {
      return commands
    }
    protected folder() {
      return mezctlHome()
    }
    protected hub() {
      return createHubClient(chooseEndpoint(undefined))
    }
  }
