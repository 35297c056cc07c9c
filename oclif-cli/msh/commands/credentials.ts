import { text } from 'node:stream/consumers'
import { messageOf } from '@mezite/cli'
import { PersonCommand, type PersonFlags } from '@mezite/cli/identity'
import * as Args from '@oclif/core/args'
import { type AppTokens, createAppTokens } from '../app-tokens.ts'

/** Apps do not see it: the token says who the user is. */
const USER = 'mezite'

/** A command by which another program asks for tokens of apps. */
abstract class CredentialHelper extends PersonCommand {
  protected tokens(flags: PersonFlags): AppTokens {
    return createAppTokens(this.identity(flags), this.hub(flags))
  }
}

export class GitCredential extends CredentialHelper {
  static override summary = 'Give git a token for the app that it reaches (a credential helper)'
  static override description =
    'Speaks the protocol of gitcredentials(7). git gets a token that lasts an hour at most, and nothing for hosts that are not apps.'
  static override examples = [
    "git config --global credential.https://gitea.apps.example.com.helper '!<%= config.bin %> <%= command.id %>'",
  ]
  static override args = {
    operation: Args.string({
      required: true,
      options: ['get', 'store', 'erase'],
      description: 'As git calls it',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(GitCredential)
    const lines = (await text(process.stdin)).split('\n')
    const given = (name: string) => lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1)
    const host = given('host')
    if (given('protocol') !== 'https' || host === undefined || args.operation === 'store') return
    if (args.operation === 'erase') return this.tokens(flags).forget(host)
    const found = await this.tokens(flags).at(host)
    if (found === null) return
    // Since git 2.46; an older one takes a password.
    const takesBearer = lines.includes('capability[]=authtype')
    const credential = takesBearer
      ? ['capability[]=authtype', 'authtype=Bearer', `credential=${found.token}`, 'ephemeral=1']
      : [`username=${given('username') ?? USER}`, `password=${found.token}`]
    const expires = Math.floor(Date.parse(found.expires) / 1_000)
    this.write([...credential, `password_expiry_utc=${expires}`].join('\n'))
  }
}

/** What Docker takes as "there is none", word for word. */
const NOT_FOUND = 'credentials not found in native keychain'

export class DockerCredential extends CredentialHelper {
  static override summary = 'Give Docker a token for the registry that it reaches (docker-credential-mezite)'
  static override description =
    'Speaks the protocol of Docker\'s credential helpers. Name it in ~/.docker/config.json for each registry that is an app: "credHelpers": {"registry.apps.example.com": "mezite"}.'
  static override examples = ['echo registry.apps.example.com | docker-credential-mezite get']
  static override args = {
    operation: Args.string({
      required: true,
      options: ['get', 'store', 'erase', 'list'],
      description: 'As Docker calls it',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(DockerCredential)
    const given = args.operation === 'list' ? '' : (await text(process.stdin)).trim()
    try {
      this.write(await this.answer(args.operation, given, this.tokens(flags)))
    } catch (error) {
      // Docker reads errors from the standard output.
      this.write(error instanceof NotFound ? NOT_FOUND : messageOf(error))
      process.exitCode = 1
    }
  }

  private async answer(operation: string, given: string, tokens: AppTokens): Promise<string> {
    if (operation === 'list')
      return JSON.stringify(Object.fromEntries(tokens.hosts().map((host) => [`https://${host}`, USER])))
    if (operation === 'store') {
      const { ServerURL = '' } = JSON.parse(given) as { ServerURL?: string }
      // `docker login` stores what it has just got from here.
      if ((await tokens.at(hostOf(ServerURL))) !== null) return ''
      throw new Error(`${ServerURL} is not an app that you may open; docker-credential-mezite stores nothing`)
    }
    const host = hostOf(given)
    if (operation === 'erase') {
      tokens.forget(host)
      return ''
    }
    const found = await tokens.at(host)
    if (found === null) throw new NotFound()
    return JSON.stringify({ ServerURL: given, Username: USER, Secret: found.token })
  }
}

class NotFound extends Error {}

/** Docker names a registry by its host or by a URL. */
function hostOf(server: string): string {
  const url = URL.parse(/^https?:\/\//.test(server) ? server : `https://${server}`)
  return url?.protocol === 'https:' ? url.host : ''
}
