import { type Flat, resourceCommands, showCell, showLabels } from '@mezite/cli'

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  ...resourceCommands<Flat>({
    topic: 'app-proposals',
    noun: 'proposal',
    key: 'id',
    example: '3f2a9c1b20d4e6f8',
    ls: {
      summary: 'List the apps that agents propose',
      examples: ['<%= config.bin %> <%= command.id %> --state pending'],
      empty: 'No agent proposes an app. `mezctl app-sources create` says which agents may.',
      columns: [
        ['id', (one) => one.id],
        ['name', (one) => one.name],
        ['uri', (one) => one.uri],
        ['agent', (one) => one.agent],
        ['labels', (one) => showLabels(one.labels as Record<string, string>)],
        ['state', (one) => one.state],
        ['proposed', (one) => one.proposed, 'time'],
        ['problem', (one) => one.problem],
      ],
      states: {
        pending: ({ state }) => state === 'pending',
        refused: ({ state }) => state === 'refused',
      },
    },
    rm: { summary: 'Forget a proposal or a refusal', effect: 'Its agent can propose the app again.' },
    actions: {
      accept: {
        summary: 'Register a proposed app, which its agent then serves',
        description:
          'The id stands for what the list showed: if the agent has changed the proposal since, there is none with this id. Who may open the app is decided by roles.',
        done: (_id, { name }) => `Registered app ${showCell(name)}.`,
      },
      refuse: {
        summary: 'Refuse a proposed app',
        description:
          'The agent can propose no app with this name any more, until `app-proposals rm` removes the refusal.',
        done: (_id, { name, agent }) => `Refused app ${showCell(name)} of ${showCell(agent)}.`,
      },
    },
  }),
  ...resourceCommands<{ metadata: { name: string }; spec: Record<string, unknown> }>({
    topic: 'app-sources',
    noun: 'app source',
    example: 'compose-hosts',
    ls: {
      summary: 'List the rules about which apps agents may propose',
      empty: 'No agent may propose apps. Add a rule: mezctl app-sources create --from-file F',
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
