import { path } from '@mezite/cli-shared'
import { RemoveCommand } from '../../remove-command.ts'

export default class SsoRm extends RemoveCommand {
  static override summary = 'remove a connector, and end the sessions that it signed in'

  protected removal(name: string) {
    return {
      method: 'DELETE',
      path: path`/connectors/${name}`,
      question: `Remove connector ${name}? Nobody can sign in through it any more.`,
      done: `removed connector ${name}`,
      result: { name: name, removed: true },
    }
  }
}
