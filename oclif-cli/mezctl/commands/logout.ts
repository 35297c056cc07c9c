import { BaseCommand, endLogin, parseProxy } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { loginStore } from '../connection-choice.ts'

export default class Logout extends BaseCommand {
  static override summary = 'end the login at the hub, and forget its credential'
  static override flags = { proxy: Flags.string({ description: 'the hub; the latest login when left out' }) }

  async run(): Promise<void> {
    const { flags } = await this.parse(Logout)
    const proxy = flags.proxy === undefined ? undefined : parseProxy(flags.proxy).name
    const { told, text } = await endLogin(loginStore(), proxy, (line) => this.note(line), 'mezctl')
    await this.show(flags, told, () => text)
  }
}
