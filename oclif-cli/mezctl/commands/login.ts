import {
  BaseCommand,
  createHubClient,
  findHub,
  parseProxy,
  proxyConnection,
  readCaFile,
  redeemLogin,
  showCell,
  showTime,
} from '@mezite/cli-shared'
import { loginWithBrowser } from '@mezite/cli-shared/login'
import { Flags } from '@oclif/core'
import { loginStore } from '../connection-choice.ts'

export default class Login extends BaseCommand {
  static override summary = 'sign in at a hub through the browser, and keep a short-lived credential'
  static override description =
    'The credential is kept in MEZCTL_HOME (default ~/.mezctl) with mode 0600. MEZITE_BROWSER names a program that is started with the address instead of the default browser.'
  static override flags = {
    proxy: Flags.string({ required: true, description: 'HOST[:PORT] of the hub' }),
    'ca-file': Flags.string({ description: 'PEM file of an authority to trust for this hub' }),
    browser: Flags.boolean({
      default: true,
      allowNo: true,
      description: '--no-browser prints the address and asks for the code that the page shows',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Login)
    const proxy = parseProxy(flags.proxy)
    const ca = flags['ca-file'] ? readCaFile(flags['ca-file']) : null
    const client = createHubClient(
      proxyConnection(proxy, {
        token: null,
        ca,
        why: 'login',
        renewHint: 'The code was not accepted; run mezctl login again.',
      }),
    )
    const store = loginStore()
    // A credential file that cannot be used is found before the person goes through the browser.
    store.list()
    await findHub(client)
    const { answer } = await loginWithBrowser({
      program: 'mezctl',
      proxy,
      browser: flags.browser,
      redeem: (proof) => redeemLogin(client, '/cli/token', proof),
    })
    store.put({ proxy: proxy.name, ca, ...answer })
    const { token: _token, hub_ca: _authority, ...shown } = answer
    await this.show(
      flags,
      { proxy: proxy.name, ...shown },
      () =>
        `Signed in to ${showCell(answer.cluster)} at ${proxy.name} as ${showCell(answer.user)}; ends ${showTime(answer.expires)}.`,
    )
  }
}
