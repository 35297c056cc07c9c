import { readDocuments } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import { putDocuments } from '../../document-upload.ts'
import { showPut } from '../../upload-summary.ts'

export default class RolesCreate extends AdminCommand {
  static override summary = 'create or replace roles from a file'
  static override flags = {
    'from-file': Flags.string({
      char: 'f',
      required: true,
      description: 'YAML or JSON with one or more documents of kind role; - reads standard input',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(RolesCreate)
    const documents = await readDocuments(flags['from-file'], ['role'])
    const done = await putDocuments(
      this.hub(flags),
      '/roles',
      documents,
      this.formatOf(flags) === 'text' ? showPut('role') : () => {},
    )
    if (this.formatOf(flags) !== 'text') await this.show(flags, done, () => '')
  }
}
