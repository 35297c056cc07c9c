import { CliError, escapeText, showTable } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import type { Flat } from '../../resource.ts'

const CHECKPOINT = /^[1-9]\d{0,14}:[\w-]{43}$/

/** The last line of the hub's answer; those before have `events` only. */
interface Report {
  readonly ok: boolean
  readonly events: number
  readonly unchained: number
  readonly chains: number
  readonly checkpoint: { readonly number: number; readonly hash: string; readonly time: string } | null
  readonly findings: readonly Flat[]
}

export default class AuditVerify extends AdminCommand {
  static override summary = 'prove that the audit trail is what was recorded; exit code 1 when it is not'
  static override flags = {
    checkpoint: Flags.string({
      description: 'a checkpoint that an earlier run has printed (NUMBER:HASH): it must still be there',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AuditVerify)
    const { checkpoint } = flags
    if (checkpoint !== undefined && !CHECKPOINT.test(checkpoint)) {
      throw new CliError('MEZ_USAGE', `--checkpoint ${JSON.stringify(checkpoint)} is no checkpoint`, {
        hint: 'Give one as an earlier mezctl audit verify has printed it, NUMBER:HASH.',
      })
    }
    let report: Report | undefined
    for await (const line of this.hub(flags).follow('/audit/verify', { checkpoint })) {
      const { ok, events } = (line ?? {}) as Partial<Report>
      if (ok !== undefined) report = line as Report
      else if (events !== undefined && process.stderr.isTTY) this.note(`${events} events …`)
    }
    if (!report) throw new CliError('MEZ_HUB_UNEXPECTED', 'the hub ended the verification without a report')
    const found = report
    await this.show(flags, found, () => summaryOf(found))
    if (!found.ok)
      throw new CliError(
        'MEZ_AUDIT_ALTERED',
        `the audit trail is not what was recorded: ${found.findings.length} findings`,
      )
  }
}

async function summaryOf({ ok, events, unchained, chains, checkpoint, findings }: Report): Promise<string> {
  const lines: string[] = []
  const seen = `${events} events in ${chains} ${chains === 1 ? 'chain' : 'chains'}`
  if (ok) lines.push(`The audit trail is what was recorded: ${seen}.`)
  else {
    const rows = findings.map(({ kind, what, n, hub, id, time, detail }) => {
      const which = typeof n === 'number' ? `${what} ${n}` : what
      return [kind, which, detail, id, time, hub]
    })
    lines.push(`The first thing that is wrong in each chain (${seen}):`)
    lines.push((await showTable(['what', 'which', 'why', 'id', 'time (UTC)', 'chain (hub)'], rows)).trimEnd())
  }
  if (unchained > 0)
    lines.push(`${unchained} events are from before there were chains; nothing protects them.`)
  if (checkpoint === null) lines.push('No checkpoint is signed yet; the first follows within a minute.')
  else {
    const { number, hash, time } = checkpoint
    lines.push(escapeText(`Newest checkpoint, to be noted elsewhere: ${number}:${hash} (${time})`))
  }
  return lines.join('\n')
}
