import {
  AdminCommand,
  type Arrangement,
  appsWith,
  arranged,
  CliError,
  count,
  escapeText,
  type Flat,
  type HubClient,
  type ListFlags,
  listFlags,
  listOf,
  parseTime,
  type Resource,
  showJsonLine,
  showRows,
  showTable,
} from '@mezite/cli'
import * as Flags from '@oclif/core/flags'
import { readNewest } from './audit-query.ts'

const filterFlags = {
  type: Flags.string({ description: 'Type of event, such as access.denied', helpValue: 'TYPE' }),
  user: Flags.string({ description: 'Name of the user', helpValue: 'NAME' }),
  by: Flags.string({
    description: 'What this person or program did; the same as --user',
    helpValue: 'NAME',
    exclusive: ['user'],
  }),
  changes: Flags.boolean({
    description: 'Only what somebody or something changed: no requests, sign-ins, denials and reads',
    exclusive: ['type'],
  }),
  app: Flags.string({ description: 'Name of the app', helpValue: 'NAME' }),
  agent: Flags.string({ description: 'Host name of the agent', helpValue: 'HOST' }),
  request: Flags.string({ description: 'Request id', helpValue: 'ID' }),
  session: Flags.string({ description: 'Session id', helpValue: 'ID' }),
  ip: Flags.string({ description: 'Address of the client', helpValue: 'ADDRESS' }),
  reason: Flags.string({ description: 'Reason code of a refusal', helpValue: 'CODE' }),
  from: Flags.string({
    description: 'Not before: 24h (ago), today, yesterday, a date, or an RFC 3339 time',
    helpValue: 'TIME',
  }),
  to: Flags.string({ description: 'Not after; written like --from', helpValue: 'TIME' }),
}

/** The parameters of a request for the events that match the flags. */
function queryOf(
  flags: { readonly [K in Exclude<keyof typeof filterFlags, 'changes'>]?: string | undefined } & {
    readonly changes: boolean
  },
) {
  const { type, by, user = by, changes, app, agent, request, session, ip, reason, from, to } = flags
  return {
    type,
    user,
    changes: changes ? 'true' : undefined,
    app,
    agent,
    request,
    session,
    ip,
    reason,
    from: from === undefined ? undefined : parseTime(from, '--from'),
    to: to === undefined ? undefined : parseTime(to, '--to'),
  }
}

const arrangement: Arrangement<Flat> = {
  columns: [
    ['time (UTC)', ({ time }) => time, 'time'],
    ['type', ({ type }) => type],
    ['user', ({ user }) => user],
    ['app', ({ app }) => app],
    ['result', (event) => (event.success === false ? (event.reason ?? 'failed') : 'ok')],
    ['details', details],
  ],
  states: { ok: ({ success }) => success !== false, failed: ({ success }) => success === false },
  apps: ({ app }) => [app],
}

/** Whether an event that the hub has found is what `--q`, `--state`, `--label` and `--operation` ask for; null if they ask for nothing. */
async function choiceOf(
  client: HubClient,
  flags: ListFlags & { readonly operation?: string | undefined },
): Promise<((event: Flat) => boolean) | null> {
  const { q, state, label, operation } = flags
  if (q === undefined && state === undefined && label === undefined && operation === undefined) return null
  // The record of a batch lists its operations.
  const isAsked = (event: Flat) =>
    operation === undefined ||
    (typeof event.operation === 'string' &&
      event.operation.split(', ').some((one) => matchesGlob(operation, one)))
  const apps = label && appsWith(listOf<Resource>(await client.call('GET', '/apps')), label)
  const words = (q ?? '').toLowerCase().split(/\s+/)
  return (event) => {
    const text = JSON.stringify(event).toLowerCase()
    const isFound = words.every((word) => text.includes(word))
    return isFound && isAsked(event) && arranged([event], { state, label }, arrangement, apps).length > 0
  }
}

/** `*` is any number of characters. */
function matchesGlob(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return text === pattern
  let at = text.startsWith(first) ? first.length : -1
  const last = rest.pop() as string
  for (const piece of rest) {
    const found = at < 0 ? -1 : text.indexOf(piece, at)
    at = found < 0 ? -1 : found + piece.length
  }
  return at >= 0 && text.length - last.length >= at && text.endsWith(last)
}

export class AuditLs extends AdminCommand {
  static override summary = 'Search the audit trail, newest event first'
  static override description =
    'A request id from an error page or a log line finds its event with --request. Times are UTC.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --app grafana --from 24h',
    '<%= config.bin %> <%= command.id %> --by alice@example.com --from yesterday --to today',
    '<%= config.bin %> <%= command.id %> --changes --from 7d',
    '<%= config.bin %> <%= command.id %> --operation "tools/call:*" --from 24h',
    '<%= config.bin %> <%= command.id %> --request 01a2177e-3930-733d-b419-54bdf06c4dcb',
    '<%= config.bin %> <%= command.id %> --type access.denied --user alice@example.com --all --json',
  ]
  /** For completion. */
  static names = async (client: HubClient) => listOf<string>(await client.call('GET', '/audit/types'))
  static override flags = {
    ...filterFlags,
    ...listFlags(arrangement),
    limit: Flags.integer({
      default: 100,
      min: 1,
      max: 100_000,
      description: 'Most events to show',
      helpValue: 'N',
    }),
    operation: Flags.string({
      description: 'Operation of a request, such as "tools/call:search_*"',
      helpValue: 'PATTERN',
    }),
    all: Flags.boolean({ description: 'Show every matching event, however many there are' }),
  }

  async run(): Promise<void> {
    const { flags, metadata } = await this.parse(AuditLs)
    if (flags.all && !metadata.flags.limit?.setFromDefault)
      throw new CliError('MEZ_USAGE_WRONG', '--all cannot be combined with --limit')
    const limit = flags.all ? Number.POSITIVE_INFINITY : flags.limit
    const client = this.hub(flags)
    const { events, cut } = await readNewest(client, queryOf(flags), limit, await choiceOf(client, flags))
    const shown = arranged(events, { sort: flags.sort }, arrangement)
    await this.show(flags, shown, () =>
      shown.length === 0
        ? 'No events match. Search with an earlier --from or fewer filters.'
        : showRows(shown, {
            columns: [['time (UTC)', ({ time }) => utc(time)], ...arrangement.columns.slice(1)],
          }),
    )
    if (cut)
      this.note(`note: only the newest ${count(limit, 'event')} shown; use --limit N or --all to see more`)
  }
}

/** Events of one export, at most; the hub ends it there. */
const MOST_EXPORTED = 100_000

export class AuditExport extends AdminCommand {
  static override summary = 'Write matching events as JSON lines or CSV, newest first'
  static override description =
    'At most 100,000 events; export a longer trail in parts with --from and --to. Exits 1 if the hub ends the export early. In CSV, cells that a spreadsheet would run as a formula get an apostrophe.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --from 30d > audit.jsonl',
    '<%= config.bin %> <%= command.id %> --as csv --type access.denied > denied.csv',
  ]
  static override flags = {
    ...filterFlags,
    as: Flags.option({
      options: ['jsonl', 'csv'] as const,
      default: 'jsonl' as const,
      description: 'What to write',
    })(),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AuditExport)
    const query = { ...queryOf(flags), format: flags.as }
    let written = 0
    if (flags.as === 'csv') {
      // The hub ends rows with CR LF.
      for await (const line of this.hub(flags).lines('/audit/export', query)) {
        this.write(`${escapeText(line.replace(/\r$/, ''))}\r\n`)
        written += 1
      }
      // The head of the table.
      written -= 1
    } else {
      for await (const event of this.hub(flags).follow('/audit/export', query)) {
        if (event === undefined) continue
        this.write(showJsonLine(event))
        written += 1
      }
    }
    if (written >= MOST_EXPORTED)
      this.note('note: an export has at most 100,000 events; use --to to export the older ones as well')
  }
}

const utc = (time: unknown): string =>
  String(time ?? '-')
    .replace('T', ' ')
    .replace(/\.\d+Z$/, '')

/** The request, or the target, agent, credential or resource of an event. */
function details(event: Flat): unknown {
  if (event.method && event.path) return `${event.status ?? ''} ${event.method} ${event.path}`.trim()
  if (event.target) return `${event.target_kind ?? ''} ${event.target}`.trim()
  // Says more than the connector of the session.
  if (event.session_user) return event.session_user
  return event.agent ?? event.connector ?? event.end_reason ?? event.name ?? event.role ?? event.resource
}

const CHECKPOINT = /^[1-9]\d{0,14}:[\w-]{43}$/

/** The last line of the hub's response; earlier lines contain `events` only. */
interface Report {
  readonly ok: boolean
  readonly events: number
  readonly unchained: number
  readonly chains: number
  /** Missing from hubs of the version before. */
  readonly removed?: number
  readonly checkpoint: { readonly number: number; readonly hash: string; readonly time: string } | null
  readonly findings: readonly Flat[]
}

export class AuditVerify extends AdminCommand {
  static override summary = 'Verify that nobody has altered the audit trail; exits 1 if it was altered'
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override flags = {
    checkpoint: Flags.string({
      description: 'Checkpoint that an earlier run printed; the trail must still contain it',
      helpValue: 'NUMBER:HASH',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AuditVerify)
    const { checkpoint } = flags
    if (checkpoint !== undefined && !CHECKPOINT.test(checkpoint)) {
      throw new CliError(
        'MEZ_USAGE_WRONG',
        `--checkpoint ${JSON.stringify(checkpoint)} is not a checkpoint`,
        {
          hint: 'Copy it from the output of an earlier mezctl audit verify: NUMBER:HASH.',
        },
      )
    }
    let report: Report | undefined
    for await (const line of this.hub(flags).follow('/audit/verify', { checkpoint })) {
      const { ok, events } = (line ?? {}) as Partial<Report>
      if (ok !== undefined) report = line as Report
      else if (events !== undefined && process.stderr.isTTY) this.note(`${count(events, 'event')} verified…`)
    }
    if (!report) throw new CliError('MEZ_HUB_UNEXPECTED', 'the hub ended the verification without a report')
    const found = report
    await this.show(flags, found, () => reportText(found))
    if (!found.ok) {
      const findings = count(found.findings.length, 'finding')
      throw new CliError('MEZ_AUDIT_ALTERED', `the audit trail has been altered: ${findings}`)
    }
  }
}

async function reportText(report: Report): Promise<string> {
  const { ok, events, unchained, chains, removed = 0, checkpoint, findings } = report
  const lines: string[] = []
  const extent = `${count(events, 'event')} in ${count(chains, 'chain')}`
  if (ok) lines.push(`The audit trail is intact: ${extent}.`)
  else {
    const rows = findings.map(({ kind, what, n, hub, id, time, detail }) => {
      const which = typeof n === 'number' ? `${what} ${n}` : what
      return [kind, which, detail, id, time, hub]
    })
    lines.push(`The first altered record of each chain (${extent}):`)
    lines.push(showTable(['kind', 'record', 'problem', 'id', 'time (UTC)', 'chain (hub)'], rows))
  }
  if (removed > 0)
    lines.push(`${count(removed, 'event')} between them were removed by retention_by_type, as signed.`)
  if (unchained > 0) lines.push(`${count(unchained, 'event')} from before chains existed cannot be verified.`)
  if (checkpoint === null) lines.push('No checkpoint is signed yet; the first one follows within a minute.')
  else {
    const { number, hash, time } = checkpoint
    lines.push(escapeText(`Latest checkpoint (keep a copy elsewhere): ${number}:${hash} (${time})`))
  }
  return lines.join('\n')
}
