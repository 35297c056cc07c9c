import { AdminCommand, type Flat, formatTime, listOf, path, resourceCommands, showTable } from '@mezite/cli'
import * as Flags from '@oclif/core/flags'
import { RequestCancel, RequestCreate, RequestLs } from './commands/msh.ts'
import { type AccessRequest, columns, states, targetOf } from './commands/parts.ts'

class AccessReview extends AdminCommand {
  static override summary = 'List the roles that people have, and when they last used them'
  static override description =
    'A role counts as used when its holder opens an app that the role opens. Use is recorded from the start of the plugin on; recorded_since says since when. The role admin is not listed, because administration is not recorded as use.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --unused 90d',
    '<%= config.bin %> <%= command.id %> --unused 90d --csv > review.csv',
  ]
  static override flags = {
    unused: Flags.string({
      description: 'Only roles that were not used for this long',
      helpValue: 'DURATION',
    }),
    csv: Flags.boolean({
      description: 'Print comma-separated values (RFC 4180)',
      exclusive: ['format', 'json'],
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AccessReview)
    const rows = listOf<Flat>(
      await this.call(flags, 'GET', '/access/review', { query: { unused: flags.unused } }),
    )
    const names = ['user', 'role', 'source', 'apps', 'last_used', 'recorded_since']
    if (flags.csv) {
      for (const line of [names, ...rows.map((row) => names.map((name) => row[name]))])
        this.write(line.map(csvCell).join(','))
      return
    }
    await this.show(flags, rows, async () => {
      if (rows.length === 0) return 'No such roles.'
      const table = showTable(
        ['user', 'role', 'from', 'apps', 'last used'],
        rows.map(({ user, role, source, apps, last_used }) => [
          user,
          role,
          source,
          apps,
          last_used ? formatTime(last_used) : 'never',
        ]),
      )
      return `${table}\nUse is recorded since ${formatTime(rows[0]?.recorded_since)}.`
    })
  }
}

class RequestsCreate extends AdminCommand {
  static override summary = 'Ask for access in place of a person, who may ask for it'
  static override description =
    'The rules and limits of the person count, and the same people approve it, but never the one who has asked. The person uses msh request create.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --user anna@example.com --app orders-db --for 2h --reason TICKET-7',
    '<%= config.bin %> <%= command.id %> --user anna@example.com --role oncall --for 8h',
  ]
  static override flags = {
    user: Flags.string({ required: true, description: 'Who gets the access', helpValue: 'USER' }),
    app: Flags.string({ description: 'Name of an app', helpValue: 'NAME', exactlyOne: ['app', 'role'] }),
    role: Flags.string({ description: 'Name of a role', helpValue: 'NAME' }),
    for: Flags.string({ required: true, description: 'For how long', helpValue: 'DURATION' }),
    reason: Flags.string({ description: 'Why', helpValue: 'TEXT' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(RequestsCreate)
    const { user, app, role, for: time, reason } = flags
    const body = { app, role, for: time, reason }
    const made = (await this.call(flags, 'POST', path`/users/${user}/access-requests`, {
      body,
    })) as AccessRequest
    await this.show(flags, made, () => `Asked for ${targetOf(made)} for ${made.user}. The id is ${made.id}.`)
  }
}

/** A field that spreadsheets do not take for a formula. */
function csvCell(value: unknown): string {
  const text = value === null || value === undefined ? '' : String(value)
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** The commands by id: of `mezctl`, and then of `msh`. */
export const COMMANDS = {
  ...resourceCommands<AccessRequest>({
    topic: 'requests',
    collection: '/access-requests',
    noun: 'request',
    key: 'id',
    example: '0190b2c4-3930-733d-b419-54bdf06c4dcb',
    ls: {
      summary: 'List requests for access that you decide about; as administrator, all',
      examples: ['<%= config.bin %> <%= command.id %> --state pending'],
      columns,
      states,
      apps: ({ app }) => [app],
      empty: 'No requests for access.',
    },
    get: 'Show a request for access',
    actions: {
      approve: {
        summary: 'Approve a request for access',
        description:
          'Needs a login of your own (mezctl login) and a role that reviews the request. A role that demands a passkey for each approval leads to the page of the hub.',
        examples: ['<%= config.bin %> <%= command.id %> 0190… --for 1h'],
        flags: {
          for: Flags.string({ description: 'For less time than was asked for', helpValue: 'DURATION' }),
        },
        done: (_id, request) =>
          request.state === 'approved'
            ? `Approved. ${request.user} has access to ${targetOf(request)} until ${formatTime(request.until)}.`
            : 'Approved. The request needs more approvals.',
      },
      deny: {
        summary: 'Deny a request for access',
        flags: { reason: Flags.string({ description: 'Why; approvers see it', helpValue: 'TEXT' }) },
        done: (_id, { user }) => `Denied the request of ${user}.`,
      },
      revoke: {
        summary: 'End the access that a request has given, with its open connections',
        question: (id) => `Revoke the access of request ${id}?`,
        done: (_id, request) => `Revoked the access of ${request.user} to ${targetOf(request)}.`,
      },
    },
  }),
  'access:review': AccessReview,
  'requests:create': RequestsCreate,
  'request:create': RequestCreate,
  'request:ls': RequestLs,
  'request:cancel': RequestCancel,
}
