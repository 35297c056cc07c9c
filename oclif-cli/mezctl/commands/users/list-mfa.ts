import { path, showTime } from '@mezite/cli-shared'
import { Args } from '@oclif/core'
import { ListCommand } from '../../list-command.ts'

interface Entry {
  readonly id: string
  readonly kind: 'key' | 'link'
  readonly name: string | null
  readonly level: string | null
  readonly created: string
  readonly last_used: string | null
  readonly expires: string | null
}

export default class UsersListMfa extends ListCommand {
  static override summary = 'list the keys of a person, and the enrolment links that can still be used'
  static override args = { name: Args.string({ required: true, description: 'name of the person' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersListMfa)
    await this.list<Entry>(flags, {
      path: path`/users/${args.name}/mfa`,
      empty: `No key and no open link. Make a link: mezctl users add-mfa NAME --type=webauthn`,
      columns: [
        ['id', ({ id }) => id],
        ['kind', ({ kind }) => kind],
        ['name', ({ name }) => name],
        ['level', ({ level }) => level],
        ['created', ({ created }) => showTime(created)],
        ['last used', ({ last_used }) => showTime(last_used)],
        ['expires', ({ expires }) => showTime(expires)],
      ],
    })
  }
}
