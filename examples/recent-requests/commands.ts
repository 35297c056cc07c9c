import { ListCommand } from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

/** The parts of an `app.request` event that the table shows. */
interface RequestEvent {
  readonly time: string
  readonly user: string | null
  readonly method: string
  readonly path: string
  readonly status: number | null
  readonly duration_ms: number
}

/** `mezctl requests --app NAME`: the latest requests to an app, from the audit trail. */
class Requests extends ListCommand {
  static override summary = 'Show the latest requests to an app, oldest first'
  static override examples = ['<%= config.bin %> <%= command.id %> --app grafana --limit 50']
  static override flags = {
    app: Flags.string({ required: true, description: 'Name of the app', helpValue: 'NAME' }),
    limit: Flags.integer({ default: 20, min: 1, max: 500, description: 'Most requests', helpValue: 'N' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Requests)
    const { app, limit } = flags
    await this.list<RequestEvent>(flags, {
      path: '/audit',
      query: { type: 'app.request', app, limit },
      empty: `No requests to ${app}. Is this its name? See mezctl apps ls.`,
      columns: [
        ['time (UTC)', ({ time }) => time.slice(0, 19).replace('T', ' ')],
        ['user', ({ user }) => user],
        ['request', ({ method, path }) => `${method} ${path}`],
        ['status', ({ status }) => status],
        ['time taken', ({ duration_ms }) => `${Math.round(duration_ms)} ms`],
      ],
    })
  }
}

/** The commands by id; `package.json` names this export. */
export const COMMANDS = { requests: Requests }
