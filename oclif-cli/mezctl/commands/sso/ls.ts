import { ListCommand } from '../../list-command.ts'
import { nameOf, type Resource } from '../../resource.ts'

export default class SsoLs extends ListCommand {
  static override summary = 'list the connectors'

  async run(): Promise<void> {
    const { flags } = await this.parse(SsoLs)
    await this.list<Resource>(flags, {
      path: '/connectors',
      empty: 'No connector yet, so nobody can sign in. Create one: mezctl sso create --from-file sso.yaml',
      columns: [
        ['name', nameOf],
        ['issuer', (connector) => connector.spec?.issuer_url],
        ['client id', (connector) => connector.spec?.client_id],
      ],
    })
  }
}
