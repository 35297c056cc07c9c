import { CompletionCommand } from '@mezite/cli-shared'

export default class Completion extends CompletionCommand {
  protected async commands() {
    const { commands } = await import('../commands.ts')
    return commands
  }
}
