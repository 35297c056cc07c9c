import { path } from '@mezite/cli-shared'
import { RemoveCommand } from '../../remove-command.ts'

export default class AppsDisable extends RemoveCommand {
  static override summary = 'take an app off the net, and cut its live streams'

  protected removal(name: string) {
    return {
      method: 'POST',
      path: path`/apps/${name}/disable`,
      question: `Disable app ${name}? Its live streams are cut now.`,
      done: `disabled app ${name}`,
      result: { name, enabled: false },
    }
  }
}
