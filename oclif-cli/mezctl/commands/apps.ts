import {
  AdminCommand,
  addressOf,
  CliError,
  confirm,
  cutText,
  escapeText,
  nameOf,
  PutCommand,
  path,
  putDocuments,
  type Resource,
  readDocuments,
  resourceCommands,
  resourceOf,
  showCell,
  showLabels,
  strictFlag,
  yesFlag,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { agentFlag, agentsIn, appFlags, appState, changedApp, fileFlag } from '../app-document.ts'
import { unknownAgents } from '../name-checks.ts'

const name = Args.string({ required: true, description: 'Name of the app' })
const hostname = Args.string({ required: true, description: 'Host name of the agent' })

/** While an app has no certificate; the hub orders it without being asked. */
function certificateOf({ status }: Resource): string | null {
  const { state, error } = (status?.certificate ?? {}) as { state?: string; error?: string | null }
  if (state === 'ordering') return 'Certificate: ordering'
  return state === 'failing' ? `Certificate: failing: ${escapeText(String(error))}` : null
}

class AppsRegister extends PutCommand {
  static override summary = 'Register an app, or create and replace apps from a file'
  static override description =
    'Warns about agents that have never joined. `mezctl explain app` describes every key of the document.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --name grafana --uri http://10.0.3.12:3000 --labels env=prod --agent-hostname node-1',
    '<%= config.bin %> <%= command.id %> --from-file apps.yaml',
  ]
  static override flags = {
    name: Flags.string({ description: 'Unique name: small letters, digits and "-"', helpValue: 'NAME' }),
    ...appFlags,
    ...agentFlag,
    ...fileFlag,
    ...strictFlag,
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AppsRegister)
    const file = flags['from-file']
    if (file !== undefined) {
      const single = ['name', 'agent-hostname', ...Object.keys(appFlags)]
      const also = single.filter((flag) => flags[flag as keyof typeof flags] !== undefined)
      if (also.length > 0)
        throw new CliError('MEZ_USAGE_WRONG', `--from-file cannot be combined with --${also.join(', --')}`)
      return this.put(flags, file, {
        kind: 'app',
        noun: 'app',
        collection: '/apps',
        check: (client, documents) => unknownAgents(client, agentsIn(documents)),
      })
    }
    const { name, uri } = flags
    if (name === undefined || uri === undefined) {
      throw new CliError('MEZ_USAGE_WRONG', 'give --name and --uri, or --from-file')
    }
    const agents = flags['agent-hostname'] ?? []
    await this.checkNames(flags, unknownAgents(this.hub(flags), agents))
    const protocol = flags.protocol ?? (/^tcp:/i.test(uri) ? 'tcp' : undefined)
    const empty = { kind: 'app', version: 'v1', metadata: { name }, spec: {} }
    const body = changedApp(empty, { ...flags, protocol })
    const app = resourceOf(await this.call(flags, 'POST', '/apps', { body }))
    await this.show(flags, app, () => {
      const tcp = protocol === 'tcp'
      const address = tcp ? null : addressOf(app.status?.url, app.spec?.public_addr)
      const lines = [`Registered app ${escapeText(name)}${address ? ` at ${showCell(address)}` : ''}.`]
      const certificate = certificateOf(app)
      if (certificate !== null) lines.push(certificate)
      if (tcp) lines.push(`People open it with: msh app login ${escapeText(name)}`)
      if (agents.length === 0)
        lines.push(`It has no agent yet. Add one: mezctl apps add-agent ${escapeText(name)} HOST`)
      return lines.join('\n')
    })
  }
}

class AppsUpdate extends AdminCommand {
  static override summary = 'Change an app; everything that is not named stays as it is'
  static override examples = ['<%= config.bin %> <%= command.id %> grafana --uri http://10.0.3.13:3000']
  static override args = { name }
  static override flags = {
    ...appFlags,
    'from-file': Flags.string({
      char: 'f',
      description: 'Replace the whole document with the one in this file',
      helpValue: 'FILE',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AppsUpdate)
    const client = this.hub(flags)
    const target = path`/apps/${args.name}`
    const names = Object.keys(appFlags)
    const given = names.filter((flag) => flags[flag as keyof typeof appFlags] !== undefined)
    const file = flags['from-file']
    if ((file === undefined) === (given.length === 0)) {
      throw new CliError('MEZ_USAGE_WRONG', `give --from-file, or one or more of --${names.join(', --')}`)
    }
    // Fails for an app that does not exist: update never creates one.
    const app = resourceOf(await this.call(flags, 'GET', target))
    const doneText = (response: unknown) => escapeText(`Updated app ${args.name}.${cutText(response)}`)
    if (file !== undefined) {
      const documents = await readDocuments(file, ['app'])
      if (documents.length !== 1 || documents[0]!.name !== args.name) {
        throw new CliError('MEZ_USAGE_WRONG', `${file} must contain one document, with the name ${args.name}`)
      }
      const [done] = await putDocuments(client, '/apps', documents, () => {})
      return this.show(flags, done!.resource, () => doneText(done))
    }
    const { etag } = app.status ?? {}
    const response = await this.call(flags, 'PUT', target, {
      body: changedApp(app, flags),
      ifMatch: typeof etag === 'string' ? etag : undefined,
    })
    await this.show(flags, resourceOf(response), () => doneText(response))
  }
}

class AppsMove extends AdminCommand {
  static override summary = 'Move an app to another domain of proxy.apps_domain, and end its sessions'
  static override examples = ['<%= config.bin %> <%= command.id %> shop --domain apps.example.org']
  static override args = { name }
  static override flags = {
    ...yesFlag,
    domain: Flags.string({
      description: 'The domain, one of proxy.apps_domain',
      helpValue: 'DOMAIN',
      required: true,
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AppsMove)
    const target = path`/apps/${args.name}`
    const app = resourceOf(await this.call(flags, 'GET', target))
    const before = String(app.spec?.public_addr ?? '')
    await confirm(
      `Move app ${args.name} from ${before} to ${flags.domain}? Its address changes, and its sessions end now.`,
      flags.yes,
    )
    const { status, ...document } = app
    const { public_addr: _, ...spec } = document.spec ?? {}
    const response = await this.call(flags, 'PUT', target, {
      body: { ...document, spec: { ...spec, domain: flags.domain } },
      ifMatch: typeof status?.etag === 'string' ? status.etag : undefined,
    })
    const moved = resourceOf(response)
    await this.show(flags, moved, () =>
      escapeText(
        `Moved app ${args.name} from ${before} to ${String(moved.spec?.public_addr)}.${cutText(response)}`,
      ),
    )
  }
}

class AppsAddAgent extends AdminCommand {
  static override summary = 'Let an agent serve an app'
  static override examples = ['<%= config.bin %> <%= command.id %> grafana node-1']
  static override args = { name, hostname }
  static override flags = strictFlag

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AppsAddAgent)
    const target = path`/apps/${args.name}/agents/${args.hostname}`
    await this.checkNames(flags, unknownAgents(this.hub(flags), [args.hostname]))
    const response = await this.call(flags, 'PUT', target)
    await this.show(flags, response ?? args, () =>
      escapeText(`Agent ${args.hostname} now serves app ${args.name}.`),
    )
  }
}

class AppsRmAgent extends AdminCommand {
  static override summary = 'Stop an agent from serving an app'
  static override examples = ['<%= config.bin %> <%= command.id %> grafana node-1']
  static override args = { name, hostname }
  static override flags = yesFlag

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AppsRmAgent)
    const target = path`/apps/${args.name}/agents/${args.hostname}`
    const question = `Remove agent ${args.hostname} from app ${args.name}? Its live connections are cut now.`
    await confirm(question, flags.yes)
    const response = await this.call(flags, 'DELETE', target)
    await this.show(flags, response ?? args, () =>
      escapeText(`Agent ${args.hostname} no longer serves app ${args.name}.${cutText(response)}`),
    )
  }
}

/** The commands of apps by id. */
export const COMMANDS = {
  'apps:register': AppsRegister,
  'apps:update': AppsUpdate,
  'apps:move': AppsMove,
  ...resourceCommands<Resource>({
    topic: 'apps',
    noun: 'app',
    example: 'grafana',
    ls: {
      summary: 'List the apps and their state',
      examples: [
        '<%= config.bin %> <%= command.id %> --state unreachable',
        '<%= config.bin %> <%= command.id %> --q grafana --label team=data --sort state',
      ],
      empty:
        'No apps yet. Register one: mezctl apps register --name NAME --uri http://HOST:PORT --agent-hostname AGENT',
      columns: [
        ['name', nameOf],
        ['state', appState],
        ['public address', (app) => addressOf(app.status?.url, app.spec?.public_addr)],
        ['agents', (app) => app.spec?.agents],
        ['labels', (app) => showLabels(app.metadata?.labels)],
      ],
      states: Object.fromEntries(
        ['ready', 'unreachable', 'no agent', 'disabled', 'locked', 'expired'].map((state) => [
          state.replace(' ', '-'),
          (app: Resource) => appState(app).startsWith(state),
        ]),
      ),
    },
    get: 'Show an app: its document, its state and its agents',
    rm: {
      summary: 'Remove an app, and end its sessions',
      effect: 'Its sessions end now. An app registered later under this name is a new app.',
    },
    actions: {
      enable: {
        summary: 'Enable a disabled app',
        done: (app) => `Enabled app ${app}.`,
        result: (app) => ({ name: app, enabled: true }),
      },
      disable: {
        summary: 'Disable an app for everyone, and cut its live connections',
        question: (app) => `Disable app ${app}? Its live connections are cut now.`,
        done: (app) => `Disabled app ${app}.`,
        result: (app) => ({ name: app, enabled: false }),
      },
    },
  }),
  'apps:add-agent': AppsAddAgent,
  'apps:rm-agent': AppsRmAgent,
}
