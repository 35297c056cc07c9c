import { path } from '@mezite/cli-shared'
import { Args } from '@oclif/core'
import { RemoveCommand } from '../../remove-command.ts'

export default class LocksRm extends RemoveCommand {
  static override summary = 'remove a lock, so that access is decided by roles again'
  static override args = { id: Args.string({ required: true, description: 'of the lock' }) }

  protected removal(name: string) {
    return {
      method: 'DELETE',
      path: path`/locks/${name}`,
      question: `Remove lock ${name}? Access is decided by roles again.`,
      done: `removed lock ${name}`,
      result: { id: name, removed: true },
    }
  }
}
