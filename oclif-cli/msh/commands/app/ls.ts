import { CliError, showTable } from '@mezite/cli-shared'
import { hubClientOf } from '../../choose-identity.ts'
import { listApps } from '../../list-apps.ts'
import { MshCommand } from '../../msh-command.ts'

export default class AppLs extends MshCommand {
  static override summary = 'list the apps that you may reach'

  async run(): Promise<void> {
    const { flags } = await this.parse(AppLs)
    const client = hubClientOf(this.identity(flags))
    if (client === null) {
      throw new CliError('MEZ_IDENTITY_INVALID', 'an identity file opens apps, it does not list them', {
        hint: 'Run msh app ls with a login; with the file, name the app: msh -i FILE app login APP.',
      })
    }
    const apps = await listApps(client)
    await this.show(flags, apps, () =>
      apps.length === 0
        ? 'No app is open to you. Access comes with a role; ask an administrator for one.'
        : showTable(
            ['name', 'protocol', 'public address', 'labels'],
            apps.map((app) => [app.name, app.protocol, app.public_addr, app.labels]),
          ),
    )
  }
}
