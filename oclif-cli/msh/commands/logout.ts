import { BaseCommand, endLogin, parseProxy } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { loginStore } from '../login-store.ts'

export default class Logout extends BaseCommand {
  static override summary = 'end the login at the hub, what it has open included, and forget its key'
  static override flags = {
    proxy: Flags.string({ description: 'the hub; the latest login when left out', env: 'MEZITE_PROXY' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Logout)
    const proxy = flags.proxy === undefined ? undefined : parseProxy(flags.proxy).name
    const { told, text } = await endLogin(loginStore(), proxy, (line) => this.note(line), 'msh')
    await this.show(flags, told, () => text)
  }
}
