import { showFields, showTable, showTime } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { AdminCommand } from '../admin-command.ts'
import { type Flat, listOf } from '../resource.ts'

export default class Status extends AdminCommand {
  static override summary = 'show the version, the hubs, the agents, and whether something needs attention'
  static override flags = {
    plugins: Flags.boolean({ description: 'also the plugins of the hub, in the order in which they act' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Status)
    const status = ((await this.call(flags, 'GET', '/status', {
      query: { plugins: flags.plugins ? 1 : undefined },
    })) ?? {}) as Flat
    await this.show(flags, status, async () => {
      const parts = [
        showFields([
          ['Cluster', status.cluster],
          ['Version', status.version],
          ['Hubs', countOf(status.hubs)],
          ['Agents', countOf(status.agents)],
          ['Apps', countOf(status.apps)],
          ['Sessions', countOf(status.sessions)],
          ['Asked over', this.hub(flags).connection.description],
        ]),
      ]
      for (const [title, things] of [
        ['Hubs', status.hubs],
        ['Agents', status.agents],
      ] as const) {
        if (Array.isArray(things) && things.some((thing) => typeof thing === 'object')) {
          parts.push(`${title}\n${await flatTable(listOf(things))}`)
        }
      }
      if (flags.plugins) parts.push(`Plugins\n${await flatTable(listOf(status.plugins))}`)
      return parts.join('\n\n')
    })
  }
}

/** A number, the length of a list, or counts by name (`connected: 2`). */
function countOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).map(([name, count]) => `${String(count)} ${name}`)
  }
  return value
}

/** Rows as they come: the columns are the fields of the first one. */
function flatTable(rows: readonly Flat[]): Promise<string> {
  const fields = Object.keys(rows[0] ?? { none: '' })
  return showTable(
    fields.map((field) => field.replaceAll('_', ' ')),
    rows.map((row) => fields.map((field) => shown(row[field]))),
  )
}

function shown(value: unknown): unknown {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? showTime(value) : value
}
