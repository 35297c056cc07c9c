import {
  BaseCommand,
  checkPrivateFile,
  createHubClient,
  endLogin,
  formatTime,
  parseDurationSeconds,
  parseProxy,
  proxyEndpoint,
  readCaFile,
  showCell,
} from '@mezite/cli'
import {
  createUserKey,
  identityOf,
  loginStore,
  type MshProfile,
  writeIdentityFile,
} from '@mezite/cli/identity'
import { findHub, loginWithBrowser, redeemLogin } from '@mezite/cli/login'
import * as Flags from '@oclif/core/flags'

/** The clocks of hub and client may differ by this much. */
const CLOCK_SECONDS = 300

class Login extends BaseCommand {
  static override summary = 'Sign in to a hub through the browser, and get a certificate for this machine'
  static override description =
    'The key is generated on this machine and never leaves it. Key and certificate are stored in MSH_HOME (default ~/.msh) with mode 0600. MEZITE_BROWSER names a program to open instead of the default browser.'
  static override examples = [
    '<%= config.bin %> login --proxy mezite.example.com',
    '<%= config.bin %> login --proxy mezite.example.com --ttl 4h --out ci.pem',
  ]
  static override flags = {
    proxy: Flags.string({
      required: true,
      description: 'HOST[:PORT] of the hub',
      env: 'MEZITE_PROXY',
      helpValue: 'HOST[:PORT]',
    }),
    'ca-file': Flags.string({
      description: 'PEM file of a certificate authority to trust for this hub',
      helpValue: 'FILE',
    }),
    auth: Flags.string({ description: 'Connector to sign in through', helpValue: 'CONNECTOR' }),
    ttl: Flags.string({
      default: '12h',
      description: 'Lifetime of the certificate: at most 24h, and at most what your roles allow',
      helpValue: 'DURATION',
    }),
    out: Flags.string({
      description: 'Write an identity file (key, certificate, hub CA) instead of storing a login',
      helpValue: 'FILE',
    }),
    browser: Flags.boolean({
      default: true,
      allowNo: true,
      description: 'Open a browser; with --no-browser, print the address and ask for the code on the page',
    }),
  }

  async run(): Promise<void> {
    const { flags, metadata } = await this.parse(Login)
    const proxy = parseProxy(flags.proxy)
    const ttlSeconds = parseDurationSeconds(flags.ttl, '--ttl', { min: '1s', max: '24h' })
    const ca = flags['ca-file'] ? readCaFile(flags['ca-file']) : null
    const renewHint = 'The hub did not accept the code. Run msh login again.'
    const client = createHubClient(proxyEndpoint(proxy, { token: null, ca, why: 'login', renewHint }))
    const store = loginStore()
    // Report an unusable file before the user signs in.
    if (flags.out === undefined) store.list()
    else checkPrivateFile(flags.out)
    await findHub(client)
    const { key, publicKey } = createUserKey()
    const { login, body } = await loginWithBrowser({
      program: 'msh',
      proxy,
      connector: flags.auth ?? null,
      browser: flags.browser,
      redeem: (proof) =>
        redeemLogin(client, '/user-certs', proof, { public_key: publicKey, ttl_seconds: ttlSeconds }),
    })
    const profile: MshProfile = {
      ...{ proxy: proxy.name, ca, ...login, key },
      certificate: String(body.certificate ?? ''),
      roles: Array.isArray(body.roles) ? body.roles.map(String) : [],
      session_id: typeof body.session_id === 'string' ? body.session_id : null,
    }
    const identity = identityOf(profile)
    if (flags.out === undefined) store.put(profile)
    else writeIdentityFile(flags.out, identity)
    const { user, cluster, expires, roles, session_id } = profile
    const result = { proxy: proxy.name, user, cluster, roles, expires, session_id, file: flags.out ?? null }
    await this.show(flags, result, () => {
      const where = `${showCell(cluster)} at ${proxy.name}`
      const lines = [`Signed in to ${where} as ${showCell(user)}; expires ${formatTime(expires)}.`]
      const lasts = (Date.parse(expires) - Date.now()) / 1_000
      if (!metadata.flags.ttl?.setFromDefault && lasts < ttlSeconds - CLOCK_SECONDS)
        lines.push(`This is sooner than --ttl ${flags.ttl}: your roles allow no longer login.`)
      if (flags.out !== undefined) lines.push(`Identity file written to ${showCell(flags.out)}.`)
      return lines.join('\n')
    })
  }
}

class Logout extends BaseCommand {
  static override summary = 'End the login at the hub with its open connections, and delete its key'
  static override flags = {
    proxy: Flags.string({
      description: 'The hub; default: the latest login',
      env: 'MEZITE_PROXY',
      helpValue: 'HOST[:PORT]',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Logout)
    const proxy = flags.proxy === undefined ? undefined : parseProxy(flags.proxy).name
    const note = (line: string) => this.note(line)
    const { result, text } = await endLogin(loginStore(), { program: 'msh', proxy, note })
    await this.show(flags, result, () => text)
  }
}

/** The commands of `msh` by id. */
export const COMMANDS = {
  login: Login,
  logout: Logout,
}
