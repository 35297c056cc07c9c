import { CliError, confirm, escapeText, parseDurationSeconds, showTime } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import { cutText } from '../../cut-summary.ts'
import { missingTarget } from '../../missing-target.ts'
import type { Flat } from '../../resource.ts'

const TARGETS = ['user', 'role', 'session', 'app', 'agent'] as const

export default class LocksCreate extends AdminCommand {
  static override summary = 'end access now, live streams included, until the lock is removed or ends'
  static override flags = {
    user: Flags.string({ description: 'lock a person' }),
    role: Flags.string({ description: 'lock everybody who has a role' }),
    session: Flags.string({ description: 'lock one session' }),
    app: Flags.string({ description: 'lock an app for everybody' }),
    agent: Flags.string({ description: 'lock an agent' }),
    ttl: Flags.string({ description: 'ends by itself: 30m, 12h; default: never' }),
    message: Flags.string({ description: 'reason, shown to those who are locked out' }),
    yes: Flags.boolean({ char: 'y', description: 'do not ask' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(LocksCreate)
    const given = TARGETS.filter((kind) => flags[kind] !== undefined)
    const [kind] = given
    if (kind === undefined || given.length > 1 || flags[kind] === '') {
      throw new CliError('MEZ_USAGE', `give exactly one of --${TARGETS.join(', --')}`)
    }
    const name = flags[kind]!
    const body = {
      target: { [kind]: name },
      ...(flags.ttl === undefined ? {} : { ttl_seconds: parseDurationSeconds(flags.ttl, '--ttl') }),
      ...(flags.message === undefined ? {} : { message: flags.message }),
    }
    await confirm(`Lock ${kind} ${name}? Live streams are cut now.`, flags.yes)
    const lock = ((await this.call(flags, 'POST', '/locks', { body })) ?? {}) as Flat
    await this.show(flags, lock, () => {
      const end = lock.expires ? `ends ${showTime(lock.expires)}` : 'until it is removed'
      const undo = `${end}; undo: mezctl locks rm ${String(lock.id)}`
      return `${escapeText(`locked ${kind} ${name}${cutText(lock)}`)}\n${escapeText(undo)}`
    })
    const missing = await missingTarget(this.hub(flags), kind, name)
    if (missing !== null) this.note(missing)
  }
}
