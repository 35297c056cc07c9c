import { path } from '@mezite/cli-shared'
import { Args } from '@oclif/core'
import { RemoveCommand } from '../../remove-command.ts'

export default class TokensRm extends RemoveCommand {
  static override summary = 'revoke a join token'
  static override args = { id: Args.string({ required: true, description: 'of the join token' }) }

  protected removal(name: string) {
    return {
      method: 'DELETE',
      path: path`/tokens/${name}`,
      question: `Remove join token ${name}? No agent can join with it any more.`,
      done: `removed join token ${name}`,
      result: { id: name, removed: true },
    }
  }
}
