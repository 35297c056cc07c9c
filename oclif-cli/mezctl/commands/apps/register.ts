import { CliError, escapeText, readDocuments, showCell } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import { appFlags, changedApp } from '../../app-flags.ts'
import { putDocuments } from '../../document-upload.ts'
import { resourceOf } from '../../resource.ts'
import { showPut } from '../../upload-summary.ts'

const SINGLE = ['name', 'uri', 'public-addr', 'labels', 'protocol', 'http-version', 'agent-hostname'] as const

export default class AppsRegister extends AdminCommand {
  static override summary = 'publish an app, or create and replace apps from a file'
  static override flags = {
    name: Flags.string({ description: 'unique name: small letters, digits and -' }),
    ...appFlags,
    'agent-hostname': Flags.string({
      multiple: true,
      description: 'an agent that serves it; may be repeated',
    }),
    'from-file': Flags.string({
      char: 'f',
      description: 'YAML or JSON with one or more documents of kind app; - reads standard input',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AppsRegister)
    const file = flags['from-file']
    if (file !== undefined) {
      const also = SINGLE.filter((name) => flags[name] !== undefined)
      if (also.length > 0)
        throw new CliError('MEZ_USAGE', `--from-file cannot be combined with --${also.join(', --')}`)
      const inText = this.formatOf(flags) === 'text'
      const documents = await readDocuments(file, ['app'])
      const done = await putDocuments(this.hub(flags), '/apps', documents, inText ? showPut('app') : () => {})
      if (!inText) await this.show(flags, done, () => '')
      return
    }
    const { name, uri } = flags
    if (name === undefined || uri === undefined) {
      throw new CliError('MEZ_USAGE', 'give --name and --uri, or --from-file')
    }
    const protocol = flags.protocol ?? (/^tcp:/i.test(uri) ? 'tcp' : undefined)
    const body = changedApp(
      { kind: 'app', ...{ version: 'v1' }, metadata: { name }, spec: {} },
      { ...flags, protocol },
    )
    const app = resourceOf(await this.call(flags, 'POST', '/apps', { body }))
    await this.show(flags, app, () => {
      const tcp = protocol === 'tcp'
      const address = tcp ? null : app.spec?.public_addr
      const lines = [`registered app ${escapeText(name)}${address ? ` at ${showCell(address)}` : ''}`]
      if (tcp) lines.push(`People reach it with: msh app login ${escapeText(name)}`)
      if (!flags['agent-hostname']) {
        lines.push(`It has no agent yet: mezctl apps add-agent ${escapeText(name)} HOSTNAME`)
      }
      return lines.join('\n')
    })
  }
}
