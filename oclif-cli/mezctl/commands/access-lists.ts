import { AdminCommand, type Column, count, escapeText, formatTime, listOf, showTable } from '@mezite/cli'
import * as Args from '@oclif/core/args'

/** Why somebody may open an app. */
interface Reason {
  readonly roles: readonly string[]
  readonly requirements: readonly string[]
  readonly until: string | null
}
type Who = Reason & { readonly user: string; readonly bot: boolean }
type What = Reason & { readonly app: string; readonly enabled: boolean }

const REASONS: readonly Column<Reason>[] = [
  ['roles', ({ roles }) => roles],
  ['first needs', ({ requirements }) => requirements],
  ['until', ({ until }) => formatTime(until)],
]
const tableOf = <T extends Reason>(first: Column<T>, rows: readonly T[]): string => {
  const columns: readonly Column<T>[] = [first, ...REASONS]
  return showTable(
    columns.map(([title]) => title),
    rows.map((row) => columns.map(([, value]) => value(row))),
  )
}

export class AccessWho extends AdminCommand {
  static override summary = 'List who may open an app, and by which roles'
  static override description =
    'Decides as the hub does now, for a new session that has met no requirement: with locks, roles for a time and every policy.'
  static override examples = ['<%= config.bin %> <%= command.id %> grafana']
  static override args = { app: Args.string({ required: true, description: 'Name of the app' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AccessWho)
    const { app } = args
    const found = listOf<Who>(await this.call(flags, 'GET', '/access/who', { query: { app } }))
    const bots = found.filter(({ bot }) => bot).length
    const programs = bots === 0 ? '' : ` and ${count(bots, 'program')}`
    const people = found.length - bots
    await this.show(flags, found, () =>
      found.length === 0
        ? escapeText(`Nobody may open ${app}.`)
        : `${escapeText(`${people === 1 ? '1 person' : `${people} people`}${programs} may open ${app}.`)}\n\n${tableOf<Who>(['user', ({ user }) => user], found)}`,
    )
  }
}

export class AccessWhat extends AdminCommand {
  static override summary = 'List what a user may open, and by which roles'
  static override description = AccessWho.description
  static override examples = [
    '<%= config.bin %> <%= command.id %> alice@example.com',
    '<%= config.bin %> <%= command.id %> bot:ci',
  ]
  static override args = {
    user: Args.string({ required: true, description: 'Name of the user, or bot: and that of a program' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AccessWhat)
    const { user } = args
    const found = listOf<What>(await this.call(flags, 'GET', '/access/what', { query: { user } }))
    await this.show(flags, found, () =>
      found.length === 0
        ? escapeText(`${user} may open no app.`)
        : `${escapeText(`${user} may open ${count(found.length, 'app')}.`)}\n\n${tableOf<What>(['app', ({ app, enabled }) => (enabled ? app : `${app} (disabled)`)], found)}`,
    )
  }
}
