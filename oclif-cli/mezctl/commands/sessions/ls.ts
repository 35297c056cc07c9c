import { showTime } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { ListCommand } from '../../list-command.ts'
import type { Flat } from '../../resource.ts'

export default class SessionsLs extends ListCommand {
  static override summary = 'list who is signed in, where, and until when'
  static override flags = {
    user: Flags.string({ description: "only this person's" }),
    app: Flags.string({ description: 'only at this app' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(SessionsLs)
    const filtered = flags.user !== undefined || flags.app !== undefined
    await this.list<Flat>(flags, {
      path: '/sessions',
      query: { user: flags.user, app: flags.app },
      empty: filtered ? 'No such sessions. All of them: mezctl sessions ls' : 'Nobody is signed in.',
      columns: [
        ['id', (session) => session.id],
        ['kind', (session) => session.kind],
        ['user', (session) => session.user],
        ['app', (session) => session.app],
        ['started', (session) => showTime(session.created)],
        ['last used', (session) => showTime(session.last_used)],
        ['expires', (session) => showTime(session.expires)],
        ['from', (session) => session.client_ip],
        ['mfa', (session) => session.mfa],
        ['streams', (session) => session.streams],
      ],
    })
  }
}
