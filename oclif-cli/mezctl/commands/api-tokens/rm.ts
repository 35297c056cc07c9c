import { path } from '@mezite/cli-shared'
import { Args } from '@oclif/core'
import { RemoveCommand } from '../../remove-command.ts'

export default class ApiTokensRm extends RemoveCommand {
  static override summary = 'revoke an API token, on all hubs at once'
  static override args = { id: Args.string({ required: true, description: 'of the API token' }) }

  protected removal(name: string) {
    return {
      method: 'DELETE',
      path: path`/api-tokens/${name}`,
      question: `Revoke API token ${name}? Whatever uses it is refused from now on.`,
      done: `revoked API token ${name}`,
      result: { id: name, removed: true },
    }
  }
}
