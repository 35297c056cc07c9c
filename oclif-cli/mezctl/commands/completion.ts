import { CompletionCommand } from '@mezite/cli-shared'

export default class Completion extends CompletionCommand {
  protected async commands() {
    const [{ commands }, plugins] = await Promise.all([
      import('../commands.ts'),
      import('@oclif/plugin-plugins'),
    ])
    const theirs = Object.entries(plugins.commands).map(([id, command]) => [
      id.replaceAll(':', ' '),
      async () => ({ default: command }),
    ])
    return { ...commands, ...Object.fromEntries(theirs) }
  }
}
