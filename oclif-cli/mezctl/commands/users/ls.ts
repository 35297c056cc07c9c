import { showTime } from '@mezite/cli-shared'
import { ListCommand } from '../../list-command.ts'
import { type Flat, nameOf, type Resource } from '../../resource.ts'

export default class UsersLs extends ListCommand {
  static override summary = 'list the people who have signed in or were given roles'

  async run(): Promise<void> {
    const { flags } = await this.parse(UsersLs)
    await this.list<Resource & Flat>(flags, {
      path: '/users',
      empty:
        'No users yet. People appear when they sign in; give roles beforehand: mezctl users create NAME --roles ROLE',
      columns: [
        ['name', nameOf],
        ['roles', (user) => user.roles ?? user.spec?.roles],
        ['connector', (user) => user.connector ?? user.spec?.connector],
        ['created', (user) => showTime(user.created)],
        ['last login', (user) => showTime(user.last_login)],
      ],
    })
  }
}
