import { path } from '@mezite/cli-shared'
import { RemoveCommand } from '../../remove-command.ts'

export default class RolesRm extends RemoveCommand {
  static override summary = 'remove a role'

  protected removal(name: string) {
    return {
      method: 'DELETE',
      path: path`/roles/${name}`,
      question: `Remove role ${name}? Who has access through it loses it now.`,
      done: `removed role ${name}`,
      result: { name: name, removed: true },
    }
  }
}
