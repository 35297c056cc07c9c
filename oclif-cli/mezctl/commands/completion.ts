import { CompletionCommand } from '@mezite/cli'

export class Completion extends CompletionCommand {
  protected async commands() {
    const { commands } = await import('../program.ts')
    return commands
  }
}
