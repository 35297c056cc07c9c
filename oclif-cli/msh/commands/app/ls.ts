import { CliError, escapeText, type HubClient, showTable } from '@mezite/cli-shared'
import { listApps } from '../../app-list.ts'
import { hubClientOf } from '../../identity-choice.ts'
import { MshCommand } from '../../msh-command.ts'

/** A hub of before says nothing of locks. */
async function whyNone(client: HubClient): Promise<string> {
  const me = (await client.call('GET', '/me')) as { locked?: { message?: string | null } | null }
  if (!me.locked) return 'No app is open to you. Access comes with a role; ask an administrator for one.'
  const said = me.locked.message ? `: ${escapeText(me.locked.message)}` : ''
  return `No app is open to you, because your access is locked; ask an administrator${said}`
}

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
    await this.show(flags, apps, async () =>
      apps.length === 0
        ? await whyNone(client)
        : showTable(
            ['name', 'protocol', 'public address', 'labels'],
            apps.map((app) => [app.name, app.protocol, app.public_addr, app.labels]),
          ),
    )
  }
}
