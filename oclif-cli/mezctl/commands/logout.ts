import {
  BaseCommand,
  CliError,
  createHubClient,
  messageOf,
  parseProxy,
  proxyConnection,
  showCell,
} from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { loginStore } from '../choose-connection.ts'

export default class Logout extends BaseCommand {
  static override summary = 'end the login at the hub, and forget its credential'
  static override flags = { proxy: Flags.string({ description: 'the hub; the latest login when left out' }) }

  async run(): Promise<void> {
    const { flags } = await this.parse(Logout)
    const store = loginStore()
    const profile = store.get(flags.proxy === undefined ? undefined : parseProxy(flags.proxy).name)
    if (profile === null) {
      throw new CliError(
        'MEZ_NOT_LOGGED_IN',
        flags.proxy ? `not signed in at ${flags.proxy}` : 'not signed in',
      )
    }
    const { proxy, token, ca } = profile
    const client = createHubClient(
      proxyConnection(parseProxy(proxy), { token, ca, why: 'logout', renewHint: '' }),
    )
    let ended = true
    try {
      await client.call('DELETE', '/me/session', { deadlineMs: 5_000 })
    } catch (error) {
      // 401: the hub had ended it already.
      ended = error instanceof CliError && error.status === 401
      if (!ended)
        this.note(`The hub was not told, the session there runs until it expires: ${messageOf(error)}`)
    }
    store.remove(proxy)
    await this.show(flags, { proxy, ended }, () => `Signed out at ${proxy} (${showCell(profile.user)}).`)
  }
}
