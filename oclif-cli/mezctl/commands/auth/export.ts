import { path } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'

export default class AuthExport extends AdminCommand {
  static override summary = 'print public keys: app-jwt as a JWKS, the authorities as PEM'
  static override flags = {
    type: Flags.option({
      options: ['app-jwt', 'user-ca', 'agent-ca', 'hub-ca'] as const,
      required: true,
      description: 'app-jwt verifies the identity assertion that applications get',
    })(),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AuthExport)
    const text = await this.hub(flags).text(path`/auth/export/${flags.type}`)
    const data = text.trimStart().startsWith('{') ? JSON.parse(text) : { type: flags.type, pem: text }
    await this.show(flags, data, () => text)
  }
}
