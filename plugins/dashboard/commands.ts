import { AdminCommand, type Flat, listOf, showTable } from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

class Traffic extends AdminCommand {
  static override summary = 'Show requests, errors and latency by app, or of one app over time'
  static override description =
    'Summed over all hubs. Errors are responses with a status from 500 on; latencies are upper bounds of half and of 95 % of the requests. Times are UTC.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --app grafana --range day',
  ]
  static override flags = {
    app: Flags.string({ description: 'Show this app over time', helpValue: 'NAME' }),
    total: Flags.boolean({ description: 'Show all apps together over time', exclusive: ['app'] }),
    range: Flags.option({
      options: ['hour', 'day'] as const,
      default: 'hour' as const,
      description: 'The last hour by minute, or the last day by quarter of an hour',
    })(),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Traffic)
    const { app, total, range } = flags
    if (app === undefined && !total) {
      const apps = listOf<Flat>(await this.call(flags, 'GET', '/traffic/apps', { query: { range } }))
      return this.show(flags, apps, () =>
        apps.length === 0 ? `No traffic in the last ${range}.` : table('app', apps, ({ app }) => app),
      )
    }
    const series = ((await this.call(flags, 'GET', '/traffic', { query: { range, app } })) ?? {}) as Flat
    await this.show(flags, series, () => {
      const busy = listOf<Flat>(series.points).filter(
        ({ requests, bytes_in, bytes_out }) => Number(requests) + Number(bytes_in) + Number(bytes_out) > 0,
      )
      if (busy.length === 0) return `No traffic in the last ${range}.`
      return table('time (UTC)', busy, ({ time }) => String(time).slice(0, 16).replace('T', ' '))
    })
  }
}

const table = (title: string, rows: readonly Flat[], first: (row: Flat) => unknown): string =>
  showTable(
    [title, 'requests', 'errors', 'p50', 'p95', 'bytes in', 'bytes out'],
    rows.map((row) => [
      ...[first(row), row.requests, row.errors, latency(row.p50_ms), latency(row.p95_ms)],
      ...[row.bytes_in, row.bytes_out],
    ]),
  )

const latency = (ms: unknown): string | null => (typeof ms === 'number' ? `${ms} ms` : null)

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  traffic: Traffic,
}
