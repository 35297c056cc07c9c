import { AdminCommand, CliError, type Flat, listOf, resourceCommands, showTable } from '@mezite/cli'
import * as Args from '@oclif/core/args'

class NotifyTest extends AdminCommand {
  static override summary = 'Send a test notification, and show what each receiver says'
  static override description =
    'Sends through every configured notifier, or only NAME. Exits 1 if one of them does not accept the test.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> ops-mail',
  ]
  static override args = { name: Args.string({ description: 'name of the notifier' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NotifyTest)
    const body = args.name === undefined ? {} : { name: args.name }
    const results = listOf<Flat>(await this.call(flags, 'POST', '/notifications/test', { body }))
    await this.show(flags, results, () =>
      results.length === 0
        ? 'No notifiers. Configure one: plugins.notifiers in mezhub.yaml.'
        : showTable(
            ['notifier', 'result'],
            results.map(({ name, delivered, error }) => [name, delivered ? 'delivered' : `failed: ${error}`]),
          ),
    )
    const failed = results.filter(({ delivered }) => delivered !== true)
    if (failed.length > 0)
      throw new CliError('MEZ_NOTIFIER_FAILED', `${failed.length} of ${results.length} notifiers failed`)
  }
}

const stateOf = ({ state }: Flat) => (state === 'given_up' ? 'given up' : state)

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  'notify:test': NotifyTest,
  ...resourceCommands<Flat>({
    topic: 'notify',
    collection: '/notifications',
    noun: 'notification',
    key: 'id',
    example: 'ops-mail',
    ls: {
      summary: 'List the last notifications and whether they were delivered',
      examples: ['<%= config.bin %> <%= command.id %> --state given-up'],
      empty: 'No notifications in the last 30 days.',
      columns: [
        ['time', ({ created }) => created, 'time'],
        ['notifier', ({ notifier }) => notifier],
        ['state', stateOf],
        ['attempts', ({ attempts }) => attempts],
        ['severity', ({ severity }) => severity],
        ['title', ({ title }) => title],
        ['error', ({ error }) => error],
      ],
      states: Object.fromEntries(
        ['delivered', 'waiting', 'given up'].map((state) => [
          state.replace(' ', '-'),
          (one: Flat) => stateOf(one) === state,
        ]),
      ),
    },
  }),
}
