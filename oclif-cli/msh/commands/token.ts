import { spawn } from 'node:child_process'
import { CliError, parseDurationSeconds, showCell } from '@mezite/cli'
import { PersonCommand } from '@mezite/cli/identity'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { appAt, listApps, noSuchApp } from '../app-lookup.ts'
import { wordsAfterDashes } from '../command-line.ts'
import { withConfirmation } from '../confirmation.ts'
import { curlConfig } from '../curl-config.ts'

interface Issued {
  readonly access_token: string
  readonly token_type: string
  readonly expires: string
  readonly resource: string
}

export class Token extends PersonCommand {
  static override summary = 'Print a short-lived token that opens one app'
  static override description =
    'Send it as "Authorization: Bearer TOKEN", or as the password of basic authentication. It ends with your login.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> grafana',
    'git -c http.extraHeader="Authorization: Bearer $(<%= config.bin %> token gitea)" clone https://gitea.apps.example.com/team/repo.git',
  ]
  static override args = { app: Args.string({ required: true, description: 'Name of an HTTP app' }) }
  static override flags = {
    ttl: Flags.string({ default: '15m', description: 'Lifetime: from 1m to 1h', helpValue: 'DURATION' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Token)
    const ttl_seconds = parseDurationSeconds(flags.ttl, '--ttl', { min: '1m', max: '1h' })
    const body = { app: args.app, ttl_seconds }
    const issued = await withConfirmation(args.app, this.identity(flags), () =>
      this.call<Issued>(flags, 'POST', '/me/tokens', { body }),
    )
    await this.show(flags, issued, () => showCell(issued.access_token))
  }
}

export class Curl extends PersonCommand {
  static override summary = 'Run curl with a token for the app of the URL'
  static override description =
    'Options of curl may stand anywhere; after --, also those that msh has itself. The token is passed to it in a file without a name, so that other users of the machine do not see it.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> -s https://grafana.apps.example.com/api/health',
    '<%= config.bin %> <%= command.id %> https://orders.apps.example.com/api/orders -X POST -d @order.json',
  ]
  static override strict = false
  static override args = { url: Args.string({ required: true, description: 'URL of an app' }) }

  async run(): Promise<void> {
    const { own, words } = wordsOfCurl(this.argv)
    const urls = words.filter((word) => URL.parse(word)?.protocol === 'https:')
    const named = urls[0] ?? words.find((word) => !word.startsWith('-'))
    const { flags } = await this.parse(Curl, [...own, ...(named === undefined ? [] : [named])])
    const apps = await listApps(this.hub(flags))
    const app = urls.map((url) => appAt(apps, new URL(url).host)).find((found) => found !== undefined)
    if (app === undefined) throw noSuchApp(urls[0] ?? words.join(' '), 'the URL of an app')
    const body = { app: app.name }
    const { access_token } = await withConfirmation(app.name, this.identity(flags), () =>
      this.call<Issued>(flags, 'POST', '/me/tokens', { body }),
    )
    const config = curlConfig(`header = "Authorization: Bearer ${access_token}"\n`)
    const child = spawn('curl', ['--config', config.path, ...words], { stdio: config.stdio })
    config.started()
    process.exitCode = await new Promise<number>((resolve, reject) => {
      child.on('error', (cause) =>
        reject(new CliError('MEZ_USAGE_WRONG', 'curl cannot be started', { cause })),
      )
      child.on('close', (code) => resolve(code ?? 1))
    }).finally(config.ended)
  }
}

/** The flags of `msh` before `--`, and all other words, which are curl's. */
function wordsOfCurl(argv: readonly string[]): { readonly own: string[]; readonly words: string[] } {
  const after = wordsAfterDashes(argv)
  const before = [...(after === null ? argv : argv.slice(0, argv.indexOf('--')))]
  const own: string[] = []
  const words: string[] = []
  const known = new Map<string, boolean>(
    Object.entries({ ...Curl.baseFlags, ...Curl.flags }).flatMap(([name, { char, type }]) => [
      [`--${name}`, type === 'option'],
      ...(char ? [[`-${char}`, type === 'option'] as const] : []),
    ]) as [string, boolean][],
  )
  for (let word = before.shift(); word !== undefined; word = before.shift()) {
    const takesValue = known.get(word.split('=', 1)[0] ?? '')
    if (takesValue === undefined) words.push(word)
    else own.push(word, ...(takesValue && !word.includes('=') ? before.splice(0, 1) : []))
  }
  return { own, words: [...words, ...(after ?? [])] }
}
