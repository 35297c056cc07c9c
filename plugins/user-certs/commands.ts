import { resolve } from 'node:path'
import {
  BaseCommand,
  checkPrivateFile,
  createHubClient,
  endLogin,
  formatTime,
  type HubClient,
  type ProxyAddress,
  parseDurationSeconds,
  parseProxy,
  proxyEndpoint,
  readCaFile,
  showCell,
} from '@mezite/cli'
import { type BotLogin, loginBot, type ProofSource, sourceOfEnvironment } from '@mezite/cli/bot-login'
import {
  createUserKey,
  identityOf,
  loginStore,
  type MshProfile,
  profileOf,
  writeIdentityFile,
} from '@mezite/cli/identity'
import { findHub, loginFlags, loginWithBrowser, redeemLogin } from '@mezite/cli/login'
import * as Flags from '@oclif/core/flags'

/** The clocks of hub and client may differ by this much. */
const CLOCK_SECONDS = 300

class Login extends BaseCommand {
  static override summary = 'Sign in to a hub through the browser, and get a certificate for this machine'
  static override description =
    'The key is generated on this machine and never leaves it. It is stored in the Keychain, the Credential Manager or the Secret Service of a desktop; without one, or with MSH_HOME, in a file of that folder (default ~/.msh) with mode 0600. MEZITE_BROWSER names a program to open instead of the default browser.'
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
    ...loginFlags,
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
    bot: Flags.string({
      description: 'Sign in as a bot, without a browser; its login renews itself (page plugins/bots)',
      helpValue: 'NAME',
      exclusive: ['auth'],
    }),
    key: Flags.string({
      description: 'With --bot: file with the private key of the bot, PEM',
      helpValue: 'FILE',
      dependsOn: ['bot'],
      exclusive: ['id-token-file', 'secret-file'],
    }),
    'id-token-file': Flags.string({
      description:
        'With --bot: file with an ID token of the platform; default: MEZITE_ID_TOKEN, or GitHub Actions',
      helpValue: 'FILE',
      dependsOn: ['bot'],
      exclusive: ['key', 'secret-file'],
    }),
    'secret-file': Flags.string({
      description: 'With --bot: file with the secret of the bot; default: MEZITE_BOT_SECRET',
      helpValue: 'FILE',
      dependsOn: ['bot'],
      exclusive: ['key', 'id-token-file'],
    }),
    audience: Flags.string({
      description: 'With --bot in GitHub Actions: audience of the ID token; default: https:// and the hub',
      dependsOn: ['bot'],
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
    const profile =
      flags.bot === undefined
        ? await loginPerson({ ...flags, proxy, ca, client, ttlSeconds })
        : await loginBot({ proxy, ca, ttlSeconds, bot: botOf(flags.bot, flags, proxy) })
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

/** Signs a person in through the browser. */
async function loginPerson(options: {
  readonly proxy: ProxyAddress
  readonly ca: string | null
  readonly client: HubClient
  readonly ttlSeconds: number
  readonly auth?: string | undefined
  readonly browser: boolean
}): Promise<MshProfile> {
  const { proxy, ca, client, ttlSeconds, auth, browser } = options
  await findHub(client)
  const { key, publicKey } = createUserKey()
  const { login, body } = await loginWithBrowser({
    program: 'msh',
    proxy,
    connector: auth ?? null,
    browser,
    redeem: (proof) =>
      redeemLogin(client, '/user-certs', proof, { public_key: publicKey, ttl_seconds: ttlSeconds }),
  })
  return profileOf({ proxy, ca, login, body, key })
}

/** The bot of the flags. Files are named by their full path: renewals run elsewhere. */
function botOf(
  name: string,
  flags: {
    readonly key?: string | undefined
    readonly 'id-token-file'?: string | undefined
    readonly 'secret-file'?: string | undefined
    readonly audience?: string | undefined
  },
  { name: hub }: ProxyAddress,
): BotLogin {
  const { key, 'id-token-file': idToken, 'secret-file': secret, audience = `https://${hub}` } = flags
  const source: ProofSource =
    key !== undefined
      ? { kind: 'key', file: resolve(key) }
      : idToken !== undefined
        ? { kind: 'id_token', file: resolve(idToken) }
        : secret !== undefined
          ? { kind: 'secret', file: resolve(secret) }
          : sourceOfEnvironment(audience)
  return { name: name.replace(/^bot:/, ''), source }
}

class Logout extends BaseCommand {
  static override summary = 'End the login at the hub with its open connections, and delete its key'
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override flags = {
    proxy: Flags.string({
      description: 'The hub; default: the latest login',
      env: 'MEZITE_PROXY',
      helpValue: 'HOST[:PORT]',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Logout)
    const note = (line: string) => this.note(line)
    const { result, text } = await endLogin(loginStore(), { ...flags, program: 'msh', note })
    await this.show(flags, result, () => text)
  }
}

/** The commands of `msh` by id. */
export const COMMANDS = {
  login: Login,
  logout: Logout,
}
