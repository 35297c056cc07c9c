import { path } from '@mezite/cli-shared'
import { GetCommand } from '../../get-command.ts'

export default class AppsGet extends GetCommand {
  static override summary = 'show an app: its document, its agents and who uses it'

  protected target(name: string): string {
    return path`/apps/${name}`
  }
}
