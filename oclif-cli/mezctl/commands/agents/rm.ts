import { path } from '@mezite/cli-shared'
import { Args } from '@oclif/core'
import { RemoveCommand } from '../../remove-command.ts'

export default class AgentsRm extends RemoveCommand {
  static override summary = 'take an agent out of the cluster; it must join again with a new token'
  static override args = { hostname: Args.string({ required: true, description: 'of the agent' }) }

  protected removal(name: string) {
    return {
      method: 'DELETE',
      path: path`/agents/${name}`,
      question: `Remove agent ${name}? Its tunnel closes now, and its certificate is void.`,
      done: `removed agent ${name}`,
      result: { hostname: name, removed: true },
    }
  }
}
