import { path } from '@mezite/cli-shared'
import { GetCommand } from '../../get-command.ts'

export default class AgentsGet extends GetCommand {
  static override summary = 'show an agent and its tunnel'

  protected target(name: string): string {
    return path`/agents/${name}`
  }
}
