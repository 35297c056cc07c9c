import { showLabels } from '@mezite/cli-shared'
import { ListCommand } from '../../list-command.ts'
import { nameOf, type Resource } from '../../resource.ts'

type Rules = { app_labels?: Record<string, unknown> } | undefined

export default class RolesLs extends ListCommand {
  static override summary = 'list the roles'

  async run(): Promise<void> {
    const { flags } = await this.parse(RolesLs)
    await this.list<Resource>(flags, {
      path: '/roles',
      empty: 'No roles yet. Create one: mezctl roles create --from-file roles.yaml',
      columns: [
        ['name', nameOf],
        ['allow', (role) => showLabels((role.spec?.allow as Rules)?.app_labels)],
        ['deny', (role) => showLabels((role.spec?.deny as Rules)?.app_labels)],
        ['description', (role) => role.metadata?.description],
      ],
    })
  }
}
