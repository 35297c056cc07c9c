import {
  adminLogins,
  BaseCommand,
  createHubClient,
  endLogin,
  formatTime,
  parseProxy,
  proxyEndpoint,
  readCaFile,
  showCell,
} from '@mezite/cli'
import { findHub, loginFlags, loginWithBrowser, redeemLogin } from '@mezite/cli/login'
import * as Flags from '@oclif/core/flags'

class Login extends BaseCommand {
  static override summary = 'Sign in to a hub through the browser, and store a short-lived credential'
  static override examples = ['<%= config.bin %> <%= command.id %> --proxy mezite.example.com']
  static override description =
    'The credential is stored in the Keychain, the Credential Manager or the Secret Service of a desktop; without one, or with MEZCTL_HOME, in a file of that folder (default ~/.mezctl) with mode 0600. MEZITE_BROWSER names a program to open instead of the default browser.'
  static override flags = {
    proxy: Flags.string({ required: true, description: 'HOST[:PORT] of the hub', helpValue: 'HOST[:PORT]' }),
    ...loginFlags,
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Login)
    const proxy = parseProxy(flags.proxy)
    const ca = flags['ca-file'] ? readCaFile(flags['ca-file']) : null
    const renewHint = 'The hub did not accept the code. Run mezctl login again.'
    const client = createHubClient(proxyEndpoint(proxy, { token: null, ca, why: 'login', renewHint }))
    const store = adminLogins()
    // Report an unusable file before the user signs in.
    store.list()
    await findHub(client)
    const { login } = await loginWithBrowser({
      program: 'mezctl',
      proxy,
      browser: flags.browser,
      redeem: (proof) => redeemLogin(client, '/cli/token', proof),
    })
    store.put({ proxy: proxy.name, ca, ...login })
    const { token: _token, hub_ca: _authority, ...shown } = login
    await this.show(flags, { proxy: proxy.name, ...shown }, () => {
      const where = `${showCell(login.cluster)} at ${proxy.name}`
      return `Signed in to ${where} as ${showCell(login.user)}; expires ${formatTime(login.expires)}.`
    })
  }
}

class Logout extends BaseCommand {
  static override summary = 'End the login at the hub, and delete its credential'
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override flags = { proxy: Flags.string({ description: 'The hub; default: the latest login' }) }

  async run(): Promise<void> {
    const { flags } = await this.parse(Logout)
    const note = (line: string) => this.note(line)
    const { result, text } = await endLogin(adminLogins(), { ...flags, program: 'mezctl', note })
    await this.show(flags, result, () => text)
  }
}

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  login: Login,
  logout: Logout,
}
