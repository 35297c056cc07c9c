import { CliError, showJsonLine, showYaml } from '@mezite/cli-shared'
import { AdminCommand } from '../../admin-command.ts'
import { followAudit } from '../../audit-tail.ts'
import { eventLine } from '../../event-line.ts'

export default class AuditTail extends AdminCommand {
  static override summary = 'follow the audit trail until Ctrl-C; JSON is one event a line'

  async run(): Promise<void> {
    const { flags } = await this.parse(AuditTail)
    const format = this.formatOf(flags)
    for await (const event of followAudit(this.hub(flags), (text) => this.note(text))) {
      if (typeof event !== 'object')
        throw new CliError('MEZ_HUB_UNEXPECTED', 'the hub sent something else than events')
      if (format === 'json') this.write(showJsonLine(event))
      else if (format === 'yaml') this.write(`---\n${await showYaml(event)}`)
      else this.write(eventLine(event))
    }
  }
}
