import {
  BaseCommand,
  CliError,
  checkPrivateFile,
  createHubClient,
  findHub,
  parseDurationSeconds,
  parseProxy,
  proxyConnection,
  readCaFile,
  redeemLogin,
  showCell,
  showTime,
} from '@mezite/cli-shared'
import { loginWithBrowser } from '@mezite/cli-shared/login'
import { Flags } from '@oclif/core'
import { identityOf } from '../identity-choice.ts'
import { writeIdentityFile } from '../identity-file.ts'
import { loginStore, type MshProfile } from '../login-store.ts'
import { makeUserKey } from '../user-key.ts'

const LONGEST_SECONDS = 24 * 3_600
/** The clocks of hub and client may differ by that much. */
const CLOCK_SECONDS = 300

export default class Login extends BaseCommand {
  static override summary = 'sign in at a hub through the browser, and get a certificate for this machine'
  static override description =
    'The key is made on this machine and never leaves it. Key and certificate are kept in MSH_HOME (default ~/.msh) with mode 0600. MEZITE_BROWSER names a program that is started with the address instead of the default browser.'
  static override examples = [
    '<%= config.bin %> login --proxy mezite.example.com',
    '<%= config.bin %> login --proxy mezite.example.com --ttl 4h --out ci.pem',
  ]
  static override flags = {
    proxy: Flags.string({ required: true, description: 'HOST[:PORT] of the hub', env: 'MEZITE_PROXY' }),
    'ca-file': Flags.string({ description: 'PEM file of an authority to trust for this hub' }),
    auth: Flags.string({ description: 'sign in through this connector', helpValue: 'CONNECTOR' }),
    ttl: Flags.string({
      default: '12h',
      description: 'how long the certificate is valid: 24h at most, and never longer than your roles allow',
    }),
    out: Flags.string({
      description: 'write an identity file (key, certificate, hub CA) instead of keeping a login',
      helpValue: 'FILE',
    }),
    browser: Flags.boolean({
      default: true,
      allowNo: true,
      description: '--no-browser prints the address and asks for the code that the page shows',
    }),
  }

  async run(): Promise<void> {
    const { flags, metadata } = await this.parse(Login)
    const proxy = parseProxy(flags.proxy)
    const ttlSeconds = parseDurationSeconds(flags.ttl, '--ttl')
    if (ttlSeconds > LONGEST_SECONDS) {
      throw new CliError('MEZ_USAGE', `--ttl ${flags.ttl} is too long`, { hint: '24h is the most.' })
    }
    const ca = flags['ca-file'] ? readCaFile(flags['ca-file']) : null
    const renewHint = 'The code was not accepted; run msh login again.'
    const client = createHubClient(proxyConnection(proxy, { token: null, ca, why: 'login', renewHint }))
    const store = loginStore()
    // A file that cannot be used is found before the person goes through the browser.
    if (flags.out === undefined) store.list()
    else checkPrivateFile(flags.out)
    await findHub(client)
    const { key, publicKey } = makeUserKey()
    const { answer, body } = await loginWithBrowser({
      program: 'msh',
      proxy,
      connector: flags.auth ?? null,
      browser: flags.browser,
      redeem: (proof) =>
        redeemLogin(client, '/user-certs', proof, { public_key: publicKey, ttl_seconds: ttlSeconds }),
    })
    const profile: MshProfile = {
      ...{ proxy: proxy.name, ca, ...answer, key },
      certificate: String(body.certificate ?? ''),
      roles: Array.isArray(body.roles) ? body.roles.map(String) : [],
      session_id: typeof body.session_id === 'string' ? body.session_id : null,
    }
    const identity = identityOf(profile)
    if (flags.out === undefined) store.put(profile)
    else writeIdentityFile(flags.out, identity)
    const { user, cluster, expires, roles, session_id } = profile
    const told = { proxy: proxy.name, user, cluster, roles, expires, session_id, file: flags.out ?? null }
    await this.show(flags, told, () => {
      const lines = [
        `Signed in to ${showCell(cluster)} at ${proxy.name} as ${showCell(user)}; ends ${showTime(expires)}.`,
      ]
      const lasts = (Date.parse(expires) - Date.now()) / 1_000
      if (!metadata.flags.ttl?.setFromDefault && lasts < ttlSeconds - CLOCK_SECONDS)
        lines.push(`That is sooner than --ttl ${flags.ttl}, because your roles allow no longer.`)
      if (flags.out !== undefined) lines.push(`Identity written to ${showCell(flags.out)}.`)
      return lines.join('\n')
    })
  }
}
