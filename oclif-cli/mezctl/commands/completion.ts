import { CompletionCommand } from '@mezite/cli'
import type { Command } from '@oclif/core/command'

export class Completion extends CompletionCommand {
  protected async commands() {
    const [{ commands }, plugins] = await Promise.all([
      import('../program.ts'),
      import('@oclif/plugin-plugins'),
    ])
    const pluginCommands = Object.entries(plugins.commands).map(([id, command]) => [
      id.replaceAll(':', ' '),
      async () => command as Command.Class,
    ])
    return { ...commands, ...Object.fromEntries(pluginCommands) }
  }
}
