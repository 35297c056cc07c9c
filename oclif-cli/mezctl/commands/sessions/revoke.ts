import { path } from '@mezite/cli-shared'
import { Args } from '@oclif/core'
import { RemoveCommand } from '../../remove-command.ts'

export default class SessionsRevoke extends RemoveCommand {
  static override summary = 'end a session now, its live streams included'
  static override args = { id: Args.string({ required: true, description: 'of the session' }) }

  protected removal(id: string) {
    return {
      method: 'DELETE',
      path: path`/sessions/${id}`,
      question: `End session ${id}? Its live streams are cut now.`,
      done: `revoked session ${id}`,
      result: { id, revoked: true },
    }
  }
}
