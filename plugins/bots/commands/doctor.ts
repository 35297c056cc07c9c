import {
  AdminCommand,
  type AdminFlags,
  CliError,
  escapeText,
  type Flat,
  listOf,
  path,
  showCell,
  showTable,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'

const LONGEST_TOKEN = 16_384
const BOT = 'bot:'
const EFFECTS: Readonly<Record<string, string>> = { allow: 'may open', deny: 'may not open' }
const KINDS: Readonly<Record<string, string>> = {
  id_token: 'ID token',
  assertion: 'Assertion of a key',
  access_token: 'Access token of the hub',
  secret: 'Secret of a bot',
  unknown: 'Not a token that the hub can read',
}

interface Verdict {
  readonly bot: string
  readonly accepted: boolean
  readonly reason: string | null
  readonly detail: string | null
  readonly next: string | null
  readonly allow_from: readonly string[]
  readonly rules: readonly { rule: number; fits: boolean; mismatches: readonly string[] }[]
}

interface Checked extends Flat {
  readonly kind: string
  readonly session: { user: string; program: string | null; apps: readonly string[]; expires: string } | null
  readonly bots: readonly Verdict[]
}

/** What the gate decides about one account and the app. */
interface Gate {
  readonly user: string
  readonly app: string
  readonly effect: string
  readonly reason: string
  readonly [more: string]: unknown
}

/** `mezctl programs doctor`. */
export class ProgramsDoctor extends AdminCommand {
  static override summary = 'Say what a token is, which rule of trust it fits, and what the gate decides'
  static override description =
    'Reads an ID token, an assertion or an access token from standard input, never from the command line. With the name of a bot, compares it with each rule of this bot; with the name of an app, finds the bots that trust its issuer. The token is not used up, and is stored nowhere. Exits 3 if the program would not get in.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> ci < token',
    'echo "$ID_TOKEN" | <%= config.bin %> <%= command.id %> ci --app grafana',
  ]
  static override args = {
    name: Args.string({ required: true, description: 'Name of a bot or of an app' }),
  }
  static override flags = {
    app: Flags.string({ description: 'App for which the gate is asked', helpValue: 'NAME' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ProgramsDoctor)
    const token = await readToken()
    const { checked, app = flags.app } = await this.check(flags, { name: args.name, token })
    const accounts = accountsOf(checked)
    const gate: Gate[] = []
    for (const user of app === undefined ? [] : accounts) {
      const query = { user, app: app!, way: 'api' }
      const explained = (await this.call(flags, 'GET', '/access/explain', { query })) as Flat
      gate.push({ user, app: app!, ...explained } as unknown as Gate)
    }
    await this.show(flags, { ...checked, gate }, () => textOf(checked, gate, app))
    const problem = problemOf(checked, gate, app)
    if (problem !== null) throw new CliError('MEZ_ATTENTION_NEEDED', problem, { hint: hintOf(checked, gate) })
  }

  private async check(
    flags: AdminFlags & { app?: string | undefined },
    { name, token }: { readonly name: string; readonly token: string },
  ): Promise<{ readonly checked: Checked; readonly app?: string }> {
    const send = async (body: object) =>
      (await this.call(flags, 'POST', '/programs/check', { body })) as Checked
    const bot = name.startsWith(BOT) ? name.slice(BOT.length) : name
    try {
      return { checked: await send({ token, bot }) }
    } catch (error) {
      if (!(error instanceof CliError) || error.code !== 'bot_not_found' || bot !== name) throw error
      if (flags.app !== undefined || !(await this.isApp(flags, name))) throw error
      return { checked: await send({ token }), app: name }
    }
  }

  private async isApp(flags: AdminFlags, name: string): Promise<boolean> {
    try {
      await this.call(flags, 'GET', path`/apps/${name}`)
      return true
    } catch (error) {
      if (error instanceof CliError && error.status === 404) return false
      throw error
    }
  }
}

/** The token on standard input. A command line is visible to every other user of the machine. */
async function readToken(): Promise<string> {
  const usage = (problem: string) =>
    new CliError('MEZ_USAGE_WRONG', problem, {
      hint: 'Write it there from a file or a variable: mezctl programs doctor NAME < token',
    })
  if (process.stdin.isTTY) throw usage('the token is missing on standard input')
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length
    // With the ends of lines around it.
    if (size > LONGEST_TOKEN + 1_024) break
    chunks.push(chunk)
  }
  const token = Buffer.concat(chunks).toString('utf8').trim()
  if (size > LONGEST_TOKEN + 1_024 || token.length > LONGEST_TOKEN)
    throw usage(`the token on standard input is longer than ${LONGEST_TOKEN} characters`)
  if (token === '') throw usage('standard input is empty: there is no token')
  if (/\s/.test(token)) throw usage('standard input has more than one word: it must be one token')
  return token
}

/** The accounts that the gate is asked about. */
const accountsOf = ({ session, bots }: Checked): readonly string[] =>
  session === null ? bots.map(({ bot }) => BOT + bot) : [session.user]

function textOf(checked: Checked, gate: readonly Gate[], app: string | undefined): string {
  const { session, bots } = checked
  const claims = listOf<Flat>(checked.claims)
  return [
    tokenText(checked),
    ...(claims.length === 0
      ? []
      : [
          showTable(
            ['claim', 'value'],
            claims.map(({ name, value }) => [name, value]),
          ),
        ]),
    ...(session === null ? [] : [sessionText(session, app)]),
    ...bots.map(botText),
    ...(bots.length > 0 || session !== null ? [] : [NOBODY[checked.kind] ?? 'No bot trusts its issuer.']),
    ...gate.map(gateText),
  ].join('\n\n')
}

const NOBODY: Readonly<Record<string, string>> = {
  access_token:
    'It opens nothing: it has ended or was revoked, or is bound to a key (DPoP), whose proof is missing here.',
  secret: 'It is not a secret of any bot now.',
  unknown: 'It is neither a signed token (JWT) nor a token of the hub.',
}

function tokenText(checked: Checked): string {
  const { kind, issuer, subject, audience, algorithm, key_id: key, type, issued, expires } = checked
  const lines: [string, unknown][] = [
    ['Token:', KINDS[kind] ?? kind],
    ['Issuer:', issuer],
    ['Subject:', subject],
    ['Audience:', audience],
    ['Issued:', issued],
    ['Expires:', expires],
    ['Signed by:', [algorithm, key].filter((part) => part !== null)],
    ['Type:', type],
  ]
  const shown = kind === 'id_token' || kind === 'assertion' ? lines : lines.slice(0, 1)
  return shown.map(([name, value]) => `${name.padEnd(10)} ${showCell(value)}`).join('\n')
}

function sessionText(session: NonNullable<Checked['session']>, app: string | undefined): string {
  const { user, program, apps, expires } = session
  const other = app === undefined || apps.includes(app) ? '' : `\nIt does not open ${showCell(app)}.`
  return `It opens ${showCell(apps)} as ${showCell(user)}, by ${showCell(program)}, until ${showCell(expires)}.${escapeText(other)}`
}

function botText({ bot, accepted, reason, detail, next, rules, allow_from: from }: Verdict): string {
  const head = accepted
    ? `bot:${bot} accepts it.`
    : `bot:${bot} refuses it: ${reason}${detail ? ` (${detail})` : ''}`
  const lines = rules.flatMap(({ rule, fits, mismatches }) =>
    fits
      ? [`  Rule ${rule} fits.`]
      : [`  Rule ${rule} does not fit:`, ...mismatches.map((one) => `    ${one}`)],
  )
  const addresses = from.length === 0 ? [] : [`  It may come from ${from.join(', ')} only.`]
  return [head, ...lines, ...addresses, ...(next === null ? [] : [`  ${next}`])].map(escapeText).join('\n')
}

function gateText({ user, app, effect, reason, ...more }: Gate): string {
  const verb = EFFECTS[effect] ?? 'may open, once the requirements are met,'
  const requirements = listOf<Flat>(more.requirements).map(({ name }) => name)
  return [
    `${showCell(user)} ${verb} ${showCell(app)}: ${showCell(reason)}`,
    ...(more.rule ? [`  Rule: ${showCell(more.rule)}`] : []),
    ...(requirements.length > 0 ? [`  Requirements: ${showCell(requirements)}`] : []),
  ].join('\n')
}

/** Why the program would not get in; null: it would. */
function problemOf(
  { session, bots }: Checked,
  gate: readonly Gate[],
  app: string | undefined,
): string | null {
  const proven =
    session === null ? bots.filter(({ accepted }) => accepted).map(({ bot }) => BOT + bot) : [session.user]
  if (proven.length === 0) return 'the program would not get in by this token'
  if (app === undefined) return null
  if (session !== null && !session.apps.includes(app)) return `the token is not for ${app}`
  const allowed = gate.some(({ user, effect }) => effect === 'allow' && proven.includes(user))
  return allowed ? null : `the gate would not let the program in to ${app}`
}

function hintOf({ bots }: Checked, gate: readonly Gate[]): string {
  const refused = gate.find(({ effect }) => effect !== 'allow')
  if (refused !== undefined)
    return `See each rule: mezctl access explain --user ${refused.user} --app ${refused.app} --way api`
  const [bot] = bots
  return bot === undefined
    ? 'See which issuers the bots trust: mezctl bots ls'
    : `See its rules of trust: mezctl bots get ${bot.bot}`
}
