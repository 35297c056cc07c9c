import { path } from '@mezite/cli-shared'
import { GetCommand } from '../../get-command.ts'

export default class UsersGet extends GetCommand {
  static override summary = 'show a person and their roles'

  protected target(name: string): string {
    return path`/users/${name}`
  }
}
