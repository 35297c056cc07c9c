import { type Flat, formatTime, ListCommand, path, RemoveCommand } from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'

class SessionsLs extends ListCommand {
  static override summary = 'List who is signed in, where, and until when'
  static override flags = {
    user: Flags.string({ description: 'Only sessions of this user', helpValue: 'NAME' }),
    app: Flags.string({ description: 'Only sessions at this app', helpValue: 'NAME' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(SessionsLs)
    const filtered = flags.user !== undefined || flags.app !== undefined
    await this.list<Flat>(flags, {
      path: '/sessions',
      query: { user: flags.user, app: flags.app },
      empty: filtered ? 'No sessions match. To list all of them: mezctl sessions ls' : 'Nobody is signed in.',
      columns: [
        ['id', (session) => session.id],
        ['user', (session) => session.user],
        ['at', (session) => session.app ?? session.kind],
        ['used', (session) => formatTime(session.last_used)],
        ['expires', (session) => formatTime(session.expires)],
        ['from', (session) => session.client_ip],
      ],
    })
  }
}

class SessionsRevoke extends RemoveCommand {
  static override summary = 'End a session now, with its live connections'
  static override args = { id: Args.string({ required: true, description: 'Id of the session' }) }

  protected removal(id: string) {
    return {
      method: 'DELETE',
      path: path`/sessions/${id}`,
      question: `End session ${id}? Its live connections are cut now.`,
      done: `Revoked session ${id}.`,
      result: { id, revoked: true },
    }
  }
}

/** The commands of sessions by id. */
export const COMMANDS = { 'sessions:ls': SessionsLs, 'sessions:revoke': SessionsRevoke }
