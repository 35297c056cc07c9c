import { showLabels } from '@mezite/cli-shared'
import { ListCommand } from '../../list-command.ts'
import { nameOf, type Resource } from '../../resource.ts'

export default class AppsLs extends ListCommand {
  static override summary = 'list the apps'

  async run(): Promise<void> {
    const { flags } = await this.parse(AppsLs)
    await this.list<Resource>(flags, {
      path: '/apps',
      empty:
        'No apps yet. Publish one: mezctl apps register --name NAME --uri http://HOST:PORT --agent-hostname AGENT',
      columns: [
        ['name', nameOf],
        ['state', stateOf],
        ['public address', (app) => app.spec?.public_addr],
        ['uri', (app) => app.spec?.uri],
        ['agents', (app) => app.spec?.agents],
        ['labels', (app) => showLabels(app.metadata?.labels)],
        ['sessions', (app) => app.status?.sessions],
      ],
    })
  }
}

/** What a visitor would meet: `expired`, `disabled`, `no agent`, `offline` or `ready`. */
function stateOf(app: Resource): string {
  if (Date.parse(String(app.metadata?.expires)) <= Date.now()) return 'expired'
  if (app.spec?.enabled === false) return 'disabled'
  const agents = app.status?.agents
  if (!Array.isArray(agents)) return '-'
  if (agents.length === 0) return 'no agent'
  return agents.some((agent) => agent?.connected) ? 'ready' : 'offline'
}
