import { path } from '@mezite/cli-shared'
import { GetCommand } from '../../get-command.ts'

export default class RolesGet extends GetCommand {
  static override summary = 'show a role'

  protected target(name: string): string {
    return path`/roles/${name}`
  }
}
