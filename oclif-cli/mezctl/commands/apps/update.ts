import { CliError, escapeText, path, readDocuments } from '@mezite/cli-shared'
import { Args, Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import { appFlags, changedApp } from '../../app-flags.ts'
import { cutText } from '../../cut-summary.ts'
import { putDocuments } from '../../document-upload.ts'
import { resourceOf } from '../../resource.ts'

export default class AppsUpdate extends AdminCommand {
  static override summary = 'change an app; what is not named stays as it is'
  static override args = { name: Args.string({ required: true, description: 'the app' }) }
  static override flags = {
    ...appFlags,
    'from-file': Flags.string({
      char: 'f',
      description: 'replace everything with the document of that name',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AppsUpdate)
    const client = this.hub(flags)
    const target = path`/apps/${args.name}`
    const revisions = Object.keys(appFlags).filter(
      (name) => flags[name as keyof typeof appFlags] !== undefined,
    )
    const file = flags['from-file']
    if ((file === undefined) === (revisions.length === 0)) {
      throw new CliError(
        'MEZ_USAGE',
        `give --from-file, or one or more of --${Object.keys(appFlags).join(', --')}`,
      )
    }
    // The answer of an app that does not exist is wanted in both cases: update never creates.
    const app = resourceOf(await this.call(flags, 'GET', target))
    if (file !== undefined) {
      const documents = await readDocuments(file, ['app'])
      if (documents.length !== 1 || documents[0]!.name !== args.name) {
        throw new CliError('MEZ_USAGE', `${file} must hold one document, of app ${args.name}`)
      }
      const [done] = await putDocuments(client, '/apps', documents, () => {})
      return this.show(flags, done!.resource, () => escapeText(`updated app ${args.name}${cutText(done)}`))
    }
    const answer = await this.call(flags, 'PUT', target, { body: changedApp(app, flags) })
    await this.show(flags, resourceOf(answer), () => escapeText(`updated app ${args.name}${cutText(answer)}`))
  }
}
