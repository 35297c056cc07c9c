import { path } from '@mezite/cli-shared'
import { GetCommand } from '../../get-command.ts'

export default class SsoGet extends GetCommand {
  static override summary = 'show a connector, without its secret'

  protected target(name: string): string {
    return path`/connectors/${name}`
  }
}
