import {
  AdminCommand,
  confirm,
  cutText,
  escapeText,
  type Flat,
  parseDurationSeconds,
  path,
  showCell,
  yesFlag,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'

/** `mezctl bots secret`. */
export class BotsSecret extends AdminCommand {
  static override summary = 'Give a bot a secret, for machines that have neither a key nor an issuer'
  static override description =
    'The secret is printed once, and does not expire. It replaces an earlier one, whose sessions end, unless --keep-old lets it count for a while: time to give its programs the new one. Prefer --key or --issuer: a secret can be copied.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> ci',
    '<%= config.bin %> <%= command.id %> ci --keep-old 24h',
  ]
  static override args = { name: Args.string({ required: true, description: 'Name of the bot' }) }
  static override flags = {
    'keep-old': Flags.string({
      description: 'How long the former secret still counts: 1m to 30d',
      helpValue: 'DURATION',
      exclusive: ['off'],
    }),
    off: Flags.boolean({ description: 'Remove the secret' }),
    ...yesFlag,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(BotsSecret)
    const target = path`/bots/${args.name}/secret`
    if (flags.off) {
      await confirm(`Remove the secret of bot ${args.name}? Its sessions end now.`, flags.yes)
      const response = await this.call(flags, 'DELETE', target)
      return this.show(flags, response, () =>
        escapeText(`Removed the secret of bot ${args.name}.${cutText(response)}`),
      )
    }
    const keep = flags['keep-old']
    const query =
      keep === undefined
        ? {}
        : { keep_old_seconds: parseDurationSeconds(keep, '--keep-old', { min: '1m', max: '30d' }) }
    const response = (await this.call(flags, 'POST', target, { query })) as Flat
    await this.show(flags, response, () => `Secret: ${showCell(response.secret)}`)
  }
}
