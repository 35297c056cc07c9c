import { path } from '@mezite/cli-shared'
import { RemoveCommand } from '../../remove-command.ts'

export default class UsersRm extends RemoveCommand {
  static override summary = 'remove a person, and end their sessions'

  protected removal(name: string) {
    return {
      method: 'DELETE',
      path: path`/users/${name}`,
      question: `Remove user ${name}? Their sessions end now.`,
      done: `removed user ${name}`,
      result: { name: name, removed: true },
    }
  }
}
