import { path } from '@mezite/cli-shared'
import { RemoveCommand } from '../../remove-command.ts'

export default class AppsRm extends RemoveCommand {
  static override summary = 'take an app out of the catalog and end its sessions'

  protected removal(name: string) {
    return {
      method: 'DELETE',
      path: path`/apps/${name}`,
      question: `Remove app ${name}? Its sessions end now, and the same name later is a new app.`,
      done: `removed app ${name}`,
      result: { name: name, removed: true },
    }
  }
}
