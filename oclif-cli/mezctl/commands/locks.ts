import {
  AdminCommand,
  CliError,
  confirm,
  count,
  cutText,
  escapeText,
  type Flat,
  formatTime,
  type HubClient,
  isTerminal,
  listOf,
  listOrNull,
  parseDurationSeconds,
  path,
  resourceCommands,
  yesFlag,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
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
    'end-tokens': Flags.boolean({
      description:
        'Also end the tokens of programs, which would work again without the lock; with --user or --app',
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
    if (flags['end-tokens'] && kind !== 'user' && kind !== 'app')
      throw new CliError('MEZ_USAGE_WRONG', '--end-tokens needs --user or --app')
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
    // Under the lock nobody gets another token, so none is left out.
    const ended = flags['end-tokens']
      ? await endTokens(this.hub(flags), { [kind]: name }).catch((error) => {
          throw tokensLeft(error, `${kind} ${name}`, String(lock.id))
        })
      : null
    await this.show(flags, ended === null ? lock : { ...lock, ended_tokens: ended }, () => {
      const end = lock.expires ? `expires ${formatTime(lock.expires)}` : 'stays until it is removed'
      const undo = `The lock ${end}. To remove it: mezctl locks rm ${String(lock.id)}`
      return `${escapeText(`Locked ${kind} ${name}.${cutText(lock)}${ended === null ? '' : ` ${count(ended, 'token')} ended.`}`)}\n${escapeText(undo)}`
    })
  }
}

type Held = { readonly id: string; readonly kind: string }
const sessionsOf = (query: Readonly<Record<string, string>>) => `/sessions?${new URLSearchParams(query)}`

/** Ends the tokens of programs, those behind which a program could get others included. Returns their number. */
async function endTokens(client: HubClient, of: Readonly<Record<string, string>>): Promise<number> {
  const held = listOf<Held>(await client.call('GET', sessionsOf(of)))
  const tokens = held.filter(({ kind }) => kind === 'token')
  let ended = 0
  for (const { id } of tokens) {
    try {
      await client.call('DELETE', path`/sessions/${id}`)
      ended += 1
    } catch (error) {
      // It has ended with one before it.
      if (!(error instanceof CliError && error.status === 404)) throw error
    }
  }
  return ended
}

/** The error of a lock that is in force while its tokens have not all ended, such as without the right to see them. */
function tokensLeft(error: unknown, locked: string, id: string): unknown {
  if (!(error instanceof CliError)) return error
  const { code, message, hint, status, members } = error
  return new CliError(
    code as Lowercase<string>,
    `Locked ${locked}, but not all of its tokens have ended: ${message}`,
    {
      hint: `The lock is in force: ${id}. ${hint}`.trimEnd(),
      members: { ...members, id },
      ...(status !== null && { status }),
    },
  )
}

/** What a lock has paused, in words; null if nothing waits for its end. */
async function pausedBy(client: HubClient, [kind, name]: readonly [string, string]): Promise<string | null> {
  if (kind !== 'user' && kind !== 'app') return null
  const held = (await listOrNull<Held>(client, sessionsOf({ [kind]: name }))) ?? []
  const tokens = held.filter((one) => one.kind === 'token').length
  const sessions = held.length - tokens
  const parts = [
    ...(sessions > 0 ? [count(sessions, 'session')] : []),
    ...(tokens > 0 ? [`${count(tokens, 'token')} of programs`] : []),
  ]
  return parts.length === 0 ? null : `${parts.join(' and ')} of ${kind} ${name} work again.`
}

class LocksRm extends AdminCommand {
  static override summary = 'Remove a lock, so that roles decide about access again'
  static override description = 'Says which sessions and tokens the lock has paused: they work again.'
  static override examples = ['<%= config.bin %> <%= command.id %> 01a2177e-3930-733d-b419-54bdf06c4dcb']
  static override args = { id: Args.string({ required: true, description: 'Id of the lock' }) }
  static override flags = { ...yesFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(LocksRm)
    const question = `Remove lock ${args.id}?`
    if (!isTerminal()) await confirm(question, flags.yes)
    const client = this.hub(flags)
    const locks = (await listOrNull<Flat>(client, '/locks')) ?? []
    const target = Object.entries(
      (locks.find(({ id }) => id === args.id)?.target ?? {}) as Record<string, string>,
    )[0]
    const paused = target === undefined ? null : await pausedBy(client, target)
    await confirm(`${question} Roles decide about access again. ${paused ?? ''}`.trimEnd(), flags.yes)
    const response = await this.call(flags, 'DELETE', path`/locks/${args.id}`)
    await this.show(flags, response ?? { id: args.id, removed: true }, () =>
      escapeText(`Removed lock ${args.id}.${paused === null ? '' : ` ${paused}`}`),
    )
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
  'locks:rm': LocksRm,
  ...resourceCommands<Flat>({
    topic: 'locks',
    noun: 'lock',
    key: 'id',
    example: '01a2177e-3930-733d-b419-54bdf06c4dcb',
    ls: {
      summary: 'List the locks in force',
      examples: ['<%= config.bin %> <%= command.id %> --state permanent'],
      empty: 'No locks. To end someone’s access now: mezctl locks create --user NAME',
      columns: [
        ['id', (lock) => lock.id],
        ['target', ({ target }) => targetText(target)],
        ['message', (lock) => lock.message],
        ['by', (lock) => lock.by],
        ['expires', (lock) => lock.expires ?? 'never', 'deadline'],
        ['created', (lock) => lock.created, 'time'],
      ],
      states: { permanent: ({ expires }) => !expires, temporary: ({ expires }) => Boolean(expires) },
      apps: ({ target }) => [(target as Flat | undefined)?.app],
    },
  }),
}
