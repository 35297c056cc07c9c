import {
  AdminCommand,
  type Flat,
  formatTime,
  ListCommand,
  path,
  RemoveCommand,
  resourceCommands,
  showCell,
  showLabels,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'

const id = { id: Args.string({ required: true, description: 'Id of the proposal' }) }

class ProposalsLs extends ListCommand {
  static override summary = 'List the apps that agents propose'

  async run(): Promise<void> {
    const { flags } = await this.parse(ProposalsLs)
    await this.list<Flat>(flags, {
      path: '/app-proposals',
      empty: 'No agent proposes an app. `mezctl app-sources create` says which agents may.',
      columns: [
        ['id', (one) => one.id],
        ['name', (one) => one.name],
        ['uri', (one) => one.uri],
        ['agent', (one) => one.agent],
        ['labels', (one) => showLabels(one.labels as Record<string, string>)],
        ['state', (one) => one.state],
        ['proposed', (one) => formatTime(one.proposed)],
        ['problem', (one) => one.problem],
      ],
    })
  }
}

class ProposalsAccept extends AdminCommand {
  static override summary = 'Register a proposed app, which its agent then serves'
  static override description =
    'The id stands for what the list showed: if the agent has changed the proposal since, there is none with this id. Who may open the app is decided by roles.'
  static override examples = ['<%= config.bin %> <%= command.id %> 3f2a9c1b20d4e6f8']
  static override args = id

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ProposalsAccept)
    const one = (await this.call(flags, 'POST', path`/app-proposals/${args.id}/accept`)) as Flat
    await this.show(flags, one, () => `Registered app ${showCell(one.name)}.`)
  }
}

class ProposalsRefuse extends AdminCommand {
  static override summary = 'Refuse a proposed app'
  static override description =
    'The agent can propose no app with this name any more, until `app-proposals rm` removes the refusal.'
  static override examples = ['<%= config.bin %> <%= command.id %> 3f2a9c1b20d4e6f8']
  static override args = id

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ProposalsRefuse)
    const one = (await this.call(flags, 'POST', path`/app-proposals/${args.id}/refuse`)) as Flat
    await this.show(flags, one, () => `Refused app ${showCell(one.name)} of ${showCell(one.agent)}.`)
  }
}

class ProposalsRm extends RemoveCommand {
  static override summary = 'Forget a proposal or a refusal'
  static override args = id

  protected removal(one: string) {
    return {
      method: 'DELETE',
      path: path`/app-proposals/${one}`,
      question: `Remove proposal ${one}? Its agent can propose the app again.`,
      done: `Removed proposal ${one}.`,
      result: { id: one, removed: true },
    }
  }
}

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  'app-proposals:ls': ProposalsLs,
  'app-proposals:accept': ProposalsAccept,
  'app-proposals:refuse': ProposalsRefuse,
  'app-proposals:rm': ProposalsRm,
  ...resourceCommands<{ metadata: { name: string }; spec: Record<string, unknown> }>({
    topic: 'app-sources',
    noun: 'app source',
    ls: {
      summary: 'List the rules about which apps agents may propose',
      empty: 'No agent may propose apps. `mezctl app-sources create --from-file F` adds a rule.',
      columns: [
        ['name', ({ metadata }) => metadata.name],
        ['agents', ({ spec }) => [spec.agents].flat().join(', ')],
        ['names', ({ spec }) => [spec.names].flat().join(', ')],
        ['most', ({ spec }) => Number(spec.max_apps ?? 20)],
        ['accept', ({ spec }) => String(spec.accept ?? 'ask')],
      ],
    },
    get: 'Show a rule about which apps agents may propose',
    rm: {
      summary: 'Remove a rule about which apps agents may propose',
      effect: 'Its agents can no longer propose these apps. Registered apps stay.',
    },
    create: {
      summary: 'Create or replace rules about which apps agents may propose',
      description: 'Reads documents of `kind: app_source` from a file.',
      kind: 'app_source',
      check: async () => [],
    },
  }),
}
