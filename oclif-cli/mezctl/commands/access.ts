import {
  AdminCommand,
  type AdminFlags,
  CliError,
  escapeText,
  type Flat,
  formatTime,
  listOf,
  showCell,
  showTable,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { adminExplanationText } from './admin-explanation.ts'

const EFFECTS: Readonly<Record<string, string>> = {
  allow: 'may open',
  deny: 'may not open',
  require: 'may open, once the requirements are met,',
}

export class AccessExplain extends AdminCommand {
  static override summary = 'Explain whether a user may open an app, and why'
  static override description =
    'Shows each rule that was considered, for a new session that has met no requirement. It grants nothing and is not recorded as a request.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --user alice@example.com --app grafana',
    '<%= config.bin %> <%= command.id %> --user alice@example.com --app grafana --method DELETE --path /api/dashboards/1',
    '<%= config.bin %> <%= command.id %> --admin alice@example.com update app grafana',
  ]
  static override args = {
    verb: Args.string({ description: 'With --admin: the verb of the right, such as update' }),
    kind: Args.string({ description: 'With --admin: the kind of the right, such as app' }),
    name: Args.string({ description: 'With --admin: the name of a thing of this kind' }),
  }
  static override flags = {
    user: Flags.string({ description: 'Name of the user', helpValue: 'NAME' }),
    app: Flags.string({ description: 'Name of the app', helpValue: 'NAME' }),
    admin: Flags.string({
      description: 'Explain a right of administration of this user or bot',
      helpValue: 'NAME',
      exclusive: ['user', 'app', 'method', 'path', 'upgrade'],
    }),
    way: Flags.option({
      options: ['browser', 'msh', 'api'] as const,
      default: 'browser' as const,
      description: 'How the user opens the app',
    })(),
    method: Flags.string({ description: 'Explain a request with this method. Default with --path: GET' }),
    path: Flags.string({
      description: 'Explain a request for this path and query. Default with --method: /',
    }),
    upgrade: Flags.option({
      options: ['websocket'] as const,
      description: 'Explain the opening of a WebSocket; its method is GET',
    })(),
  }

  async run(): Promise<void> {
    const { flags, args } = await this.parse(AccessExplain)
    const { user, app, way, method, path, upgrade } = flags
    if (flags.admin !== undefined) return this.#explainRight(flags, flags.admin, args)
    if (user === undefined || app === undefined || args.verb !== undefined)
      throw new CliError('MEZ_USAGE_WRONG', 'this needs --user and --app, or --admin with a verb and a kind')
    const hasRequest = [method, path, upgrade].some((one) => one !== undefined)
    const opening = upgrade === undefined ? '' : `, ${upgrade}`
    const request = hasRequest ? `${method ?? 'GET'} ${path ?? '/'}${opening}` : null
    const explained = (await this.call(flags, 'GET', '/access/explain', {
      query: {
        ...{ user, app, way },
        ...(method !== undefined && { method }),
        ...(path !== undefined && { path }),
        ...(upgrade !== undefined && { upgrade }),
      },
    })) as Flat
    await this.show(flags, explained, async () => {
      const {
        acts_for: person,
        effect,
        reason,
        rule,
        lock,
        connector,
      } = explained as Record<string, Flat | string | null>
      const verb = EFFECTS[String(effect)] ?? String(effect)
      const asked = request === null ? way : `${way}, ${request}`
      const parts = [escapeText(`${user} ${verb} ${app} (${asked}): ${String(reason)}`)]
      if (person) {
        const { user: theirs, effect, reason } = person as Flat
        const may = EFFECTS[String(effect)] ?? String(effect)
        parts.push(
          `Acts for ${showCell(theirs)}, who ${may} it: ${showCell(reason)}. The stricter of both counts.`,
        )
      }
      if (rule) parts.push(`Rule: ${showCell(rule)}`)
      if (lock) {
        const { id, message } = lock as Flat
        parts.push(`Lock ${showCell(id)}${message ? `: ${showCell(message)}` : ''}`)
      }
      if (connector) {
        const { required, signed_in_with: actual } = connector as Flat
        parts.push(`Connector: ${showCell(required)} is required; the last sign-in used ${showCell(actual)}`)
      }
      const grants = listOf<Flat>(explained.grants)
      if (grants.length > 0) {
        const ends = grants.map(({ id, role, until }) => `${role} ends ${formatTime(until)} (${id})`)
        parts.push(`Grants: ${showCell(ends)}`)
      }
      const requirements = listOf<Flat>(explained.requirements)
      if (requirements.length > 0) {
        const names = requirements.map(({ name, met }) => `${String(name)}${met === true ? ' (met)' : ''}`)
        parts.push(`Requirements: ${showCell(names)}`)
      }
      const votes = listOf<Flat>(explained.votes)
      if (votes.length === 0) parts.push('No rule applies: the user has no role.')
      else {
        const rows = votes.map(({ plugin, role, effect, matcher, value }) => [
          ...[plugin, role, effect, matcher],
          value,
        ])
        parts.push(showTable(['plugin', 'role', 'effect', 'rule', 'app has'], rows))
      }
      return parts.join('\n\n')
    })
  }

  async #explainRight(
    flags: AdminFlags,
    user: string,
    { verb, kind, name }: Readonly<Record<'verb' | 'kind' | 'name', string | undefined>>,
  ): Promise<void> {
    if (verb === undefined || kind === undefined)
      throw new CliError('MEZ_USAGE_WRONG', '--admin needs a verb and a kind, such as update app')
    const query = { user, verb, kind, ...(name !== undefined && { name }) }
    const explained = (await this.call(flags, 'GET', '/access/explain-admin', { query })) as Flat
    const what = [verb, kind, name].filter((word) => word !== undefined).join(' ')
    await this.show(flags, explained, () => adminExplanationText(explained, what))
  }
}
