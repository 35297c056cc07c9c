import { showTime } from '@mezite/cli-shared'
import { ListCommand } from '../../list-command.ts'
import type { Flat } from '../../resource.ts'
import { targetText } from '../../target-text.ts'

export default class LocksLs extends ListCommand {
  static override summary = 'list the locks in force'

  async run(): Promise<void> {
    const { flags } = await this.parse(LocksLs)
    await this.list<Flat>(flags, {
      path: '/locks',
      empty: 'No locks: access is decided by roles alone. Lock somebody out: mezctl locks create --user NAME',
      columns: [
        ['id', (lock) => lock.id],
        ['target', (lock) => targetText(lock.target)],
        ['message', (lock) => lock.message],
        ['created', (lock) => showTime(lock.created)],
        ['expires', (lock) => (lock.expires ? showTime(lock.expires) : 'never')],
      ],
    })
  }
}
