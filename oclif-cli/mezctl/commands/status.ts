import {
  AdminCommand,
  CliError,
  count,
  type Flat,
  formatTime,
  listOf,
  showFields,
  showTable,
} from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

export class Status extends AdminCommand {
  static override summary = 'Show version, hubs, agents and apps, and what needs attention'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --check',
  ]
  static override description = 'With --check, exits 3 if anything needs attention: for monitoring and cron.'
  static override flags = {
    plugins: Flags.boolean({
      description: 'Also show the parts of the hub, its plugins, and what they do for each request',
    }),
    check: Flags.boolean({ description: 'Exit 3 if anything needs attention' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Status)
    const query = { plugins: flags.plugins ? 1 : undefined }
    const status = ((await this.call(flags, 'GET', '/status', { query })) ?? {}) as Flat
    const attention = Array.isArray(status.attention) ? listOf<Flat>(status.attention) : null
    await this.show(flags, status, async () => {
      const parts = [
        showFields([
          ['Cluster', status.cluster],
          ['Version', status.version],
          ['Hubs', countOf(status.hubs)],
          ['Agents', countOf(status.agents)],
          ['Apps', countOf(status.apps)],
          ['Sessions', countOf(status.sessions)],
          ...lastBackup(status.jobs),
          ['Reached through', this.hub(flags).endpoint.description],
        ]),
      ]
      for (const [title, objects] of [
        ['Hubs', status.hubs],
        ['Agents', status.agents],
      ] as const) {
        if (Array.isArray(objects) && objects.some((object) => typeof object === 'object'))
          parts.push(`${title}\n${await flatTable(listOf(objects))}`)
      }
      if (flags.plugins) {
        parts.push(`Parts of the hub\n${await partTable(listOf(status.parts ?? []))}`)
        parts.push(`Plugins\n${await pluginTable(listOf(status.plugins))}`)
        parts.push(`Steps of a request\n${await stepTable(listOf(status.steps ?? []))}`)
      }
      if (attention?.length === 0) parts.push('Nothing needs attention.')
      else if (attention !== null) parts.push(`Needs attention\n${await flatTable(attention)}`)
      return parts.join('\n\n')
    })
    if (!flags.check) return
    if (attention === null) {
      throw new CliError('MEZ_HUB_UNEXPECTED', 'the hub does not report what needs attention', {
        hint: 'Upgrade the hub to the version of this program, or run mezctl status without --check.',
      })
    }
    if (attention.length > 0) {
      const need = attention.length === 1 ? 'needs' : 'need'
      throw new CliError('MEZ_ATTENTION_NEEDED', `${count(attention.length, 'thing')} ${need} attention`)
    }
  }
}

/** How old the last backup of the schedule is; nothing without a schedule. A failure also needs attention. */
function lastBackup(jobs: unknown): [string, unknown][] {
  const job = listOf<Flat>(jobs ?? []).find(({ name }) => name === 'backup-schedule')
  if (job === undefined) return []
  if (job.last_run === null) return [['Last backup', 'none yet']]
  const failed = Number(job.failures) > 0 ? 'failed ' : ''
  return [['Last backup', `${failed}${formatTime(job.last_run)}, ${job.result}`]]
}

/** A number, the length of a list, or counts by name (`connected: 2`). */
function countOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).map(([name, amount]) => `${String(amount)} ${name}`)
  }
  return value
}

function pluginTable(plugins: readonly Flat[]): string {
  const rows = plugins.map(({ name, version, api, provides, taps, rights, source, start_ms, ...row }, at) => [
    ...[at + 1, name, version, row.status ?? 'not declared', api, provides, taps, rights, posture(row)],
    start_ms === null ? null : `${start_ms} ms`,
    source,
  ])
  const columns = ['order', 'name', 'version', 'status', 'api', 'provides', 'taps', 'rights', 'strangers']
  return showTable([...columns, 'start', 'source'], rows)
}

/** What strangers can send it, as it declares; a hub of an earlier version says nothing. */
const posture = ({ reads_strangers: reads, fuzzed }: Flat): string =>
  typeof reads !== 'boolean'
    ? 'not declared'
    : !reads
      ? 'reads no bytes of theirs'
      : fuzzed === true
        ? 'reads their bytes, fuzzed'
        : 'reads their bytes, not fuzzed'

/** The parts of the hub itself, which start before, between and after the plugins. */
function partTable(parts: readonly Flat[]): string {
  const rows = parts.map(({ name, needs, after, start_ms }, at) => [
    ...[at + 1, name, needs, Object.entries(after ?? {}).map(([part, why]) => `${part}: ${why}`)],
    start_ms === null ? null : `${start_ms} ms`,
  ])
  return showTable(['order', 'name', 'needs', 'after', 'start'], rows)
}

/** What plugins add to the way of each request. */
const stepTable = (steps: readonly Flat[]): string =>
  showTable(
    ['step', 'plugins', 'runs'],
    steps.map(({ step, plugins, runs }) => [step, plugins, runs]),
  )

/** A table whose columns are the fields of the first row. */
function flatTable(rows: readonly Flat[]): string {
  const fields = Object.keys(rows[0] ?? { none: '' })
  return showTable(
    fields.map((field) => field.replaceAll('_', ' ')),
    rows.map((row) => fields.map((field) => timeOr(row[field]))),
  )
}

function timeOr(value: unknown): unknown {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? formatTime(value) : value
}
