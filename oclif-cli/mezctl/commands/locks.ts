import {
  AdminCommand,
  CliError,
  confirm,
  cutText,
  escapeText,
  type Flat,
  formatTime,
  isTerminal,
  parseDurationSeconds,
  resourceCommands,
  yesFlag,
} from '@mezite/cli'
import * as Flags from '@oclif/core/flags'
import { LOCK_KINDS, unknownLockTarget } from '../name-checks.ts'

class LocksCreate extends AdminCommand {
  static override summary = 'End access now, live connections included, until the lock is removed or expires'
  static override description =
    'A name that does not exist is not locked: on a terminal the command asks, in a script it exits 3.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --user alice@example.com --message "Call the help desk"',
    '<%= config.bin %> <%= command.id %> --app grafana --ttl 30m --yes',
  ]
  static override flags = {
    user: Flags.string({ description: 'Lock a user', helpValue: 'NAME' }),
    role: Flags.string({ description: 'Lock everyone who has a role', helpValue: 'NAME' }),
    session: Flags.string({ description: 'Lock one session', helpValue: 'ID' }),
    app: Flags.string({ description: 'Lock an app for everyone', helpValue: 'NAME' }),
    agent: Flags.string({ description: 'Lock an agent', helpValue: 'HOST' }),
    ttl: Flags.string({
      description: 'Lifetime of the lock, such as 30m or 12h; default: until removed',
      helpValue: 'DURATION',
    }),
    message: Flags.string({
      description: 'Reason, shown to the people who are locked out',
      helpValue: 'TEXT',
    }),
    ...yesFlag,
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(LocksCreate)
    const given = LOCK_KINDS.filter((kind) => flags[kind] !== undefined)
    const [kind] = given
    if (kind === undefined || given.length > 1 || flags[kind] === '') {
      throw new CliError('MEZ_USAGE_WRONG', `give exactly one of --${LOCK_KINDS.join(', --')}`)
    }
    const name = flags[kind]!
    const body = {
      target: { [kind]: name },
      ...(flags.ttl === undefined ? {} : { ttl_seconds: parseDurationSeconds(flags.ttl, '--ttl') }),
      ...(flags.message === undefined ? {} : { message: flags.message }),
    }
    const question = `Lock ${kind} ${name}? Live connections are cut now.`
    // A script without --yes learns so before the hub is asked anything.
    if (!isTerminal()) await confirm(question, flags.yes)
    const [problem] = await unknownLockTarget(this.hub(flags), kind, name)
    if (problem === undefined) await confirm(question, flags.yes)
    else await confirmUnknown(problem, flags.yes)
    const lock = ((await this.call(flags, 'POST', '/locks', { body })) ?? {}) as Flat
    await this.show(flags, lock, () => {
      const end = lock.expires ? `expires ${formatTime(lock.expires)}` : 'stays until it is removed'
      const undo = `The lock ${end}. To remove it: mezctl locks rm ${String(lock.id)}`
      return `${escapeText(`Locked ${kind} ${name}.${cutText(lock)}`)}\n${escapeText(undo)}`
    })
  }
}

/** Asks on a terminal whether a name is locked that nobody has yet; a script that mistyped it must notice. */
async function confirmUnknown(problem: string, yes: boolean): Promise<void> {
  const refused = new CliError('MEZ_NAME_UNKNOWN', problem, {
    hint: 'Nothing was locked. Correct the name; on a terminal, without --yes, a name can be locked before it exists.',
  })
  if (yes || !isTerminal()) throw refused
  await confirm(`${problem} Lock it anyway, for when it appears?`, false).catch(() => {
    throw refused
  })
}

/** `user alice` for the target of a lock. */
function targetText(target: unknown): string {
  return Object.entries((target ?? {}) as Record<string, unknown>)
    .filter(([, name]) => name !== null && name !== undefined)
    .map(([kind, name]) => `${kind} ${String(name)}`)
    .join(', ')
}

/** The commands of locks by id. */
export const COMMANDS = {
  'locks:create': LocksCreate,
  ...resourceCommands<Flat>({
    topic: 'locks',
    noun: 'lock',
    key: 'id',
    ls: {
      summary: 'List the locks in force',
      empty: 'No locks. To end someone’s access now: mezctl locks create --user NAME',
      columns: [
        ['id', (lock) => lock.id],
        ['target', ({ target }) => targetText(target)],
        ['message', (lock) => lock.message],
        ['by', (lock) => lock.by],
        ['created', (lock) => formatTime(lock.created)],
        ['expires', (lock) => (lock.expires ? formatTime(lock.expires) : 'never')],
      ],
    },
    rm: {
      summary: 'Remove a lock, so that roles decide about access again',
      effect: 'Roles decide about access again.',
    },
  }),
}
