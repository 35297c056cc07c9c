import {
  AdminCommand,
  CliError,
  confirm,
  escapeText,
  formatTime,
  path,
  showTable,
  yesFlag,
} from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

/** Keys that sign tokens. They have no phases. */
const SIGNING_KEYS = ['app-jwt', 'oidc'] as const
const TYPES = [...SIGNING_KEYS, 'user-ca', 'agent-ca', 'hub-ca'] as const

class AuthExport extends AdminCommand {
  static override summary =
    'Print public keys: app-jwt and oidc as a JWKS, the certificate authorities as PEM'
  static override examples = ['<%= config.bin %> <%= command.id %> --type=app-jwt']
  static override flags = {
    type: Flags.option({
      options: TYPES,
      required: true,
      description:
        'app-jwt verifies the identity assertion that apps receive, oidc the ID tokens of programs',
    })(),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AuthExport)
    const text = await this.hub(flags).text(path`/auth/export/${flags.type}`)
    const data = text.trimStart().startsWith('{') ? JSON.parse(text) : { type: flags.type, pem: text }
    await this.show(flags, data, () => text)
  }
}

class AuthRotate extends AdminCommand {
  static override summary =
    'Replace the key of a certificate authority, of the identity assertion or of ID tokens'
  static override description =
    `A certificate authority is rotated in phases, and no request fails on the way: start publishes a new key for everyone to trust; switch signs with it, while the old key stays trusted; finish ends trust in the old key; rollback goes back, until finish. Without --phase the command shows the current phase, who still depends on the old key, and the next command. app-jwt and oidc have no phases: the new key is published now and signs after six minutes; the old key verifies for another week.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --type=agent-ca',
    '<%= config.bin %> <%= command.id %> --type=agent-ca --phase start',
    '<%= config.bin %> <%= command.id %> --type=app-jwt',
  ]
  static override flags = {
    type: Flags.option({
      options: TYPES,
      required: true,
      description:
        'hub-ca and agent-ca secure tunnels, user-ca the logins of msh; app-jwt signs assertions to apps, oidc ID tokens',
    })(),
    phase: Flags.option({
      options: ['start', 'switch', 'finish', 'rollback'] as const,
      description: 'The phase to enter',
    })(),
    force: Flags.boolean({ description: 'Enter the phase even if it locks someone out' }),
    ...yesFlag,
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AuthRotate)
    const { type, phase, force } = flags
    const target = path`/auth/rotate/${type}`
    if (SIGNING_KEYS.some((each) => each === type)) {
      if (phase !== undefined)
        throw new CliError('MEZ_USAGE_WRONG', `${type} has no phases`, { hint: 'Leave --phase out.' })
      const rotation = (await this.call(flags, 'POST', target)) as KeyRotation
      return this.show(flags, rotation, () => signingKeysText(rotation))
    }
    if (phase === undefined) {
      const rotation = (await this.call(flags, 'GET', target)) as AuthorityRotation
      return this.show(flags, rotation, () => rotationText(rotation))
    }
    if (phase === 'finish') {
      const question = `Finish the rotation of the ${type}? Certificates signed by the old key are rejected from now on, and connections that use them are cut.`
      await confirm(question, flags.yes)
    }
    const body = { step: phase, force }
    const rotation = (await this.call(flags, 'POST', target, { body })) as AuthorityRotation
    await this.show(flags, rotation, () => rotationText(rotation))
  }
}

/** The state of a certificate authority's rotation. */
interface AuthorityRotation {
  readonly type: string
  readonly phase: 'standby' | 'started' | 'switched'
  readonly keys: readonly {
    readonly state: 'active' | 'coming' | 'overlap'
    readonly pin: string
    readonly created: string
    readonly changed: string
    readonly expires: string
  }[]
  readonly steps: readonly string[]
  readonly waiting: readonly { readonly kind: string; readonly name: string; readonly until: string }[]
}

/** The keys of the identity assertion, or of ID tokens. */
interface KeyRotation {
  readonly type: string
  readonly keys: readonly { readonly kid: string; readonly state: string; readonly signs_from: string }[]
}

const STATES = {
  active: 'signs',
  coming: 'trusted; signs after switch',
  overlap: 'trusted until finish',
}
const DEPENDANTS: Readonly<Record<string, string>> = {
  agent: 'agent',
  login: 'msh login of',
  'join-token': 'unused join token',
}
const MOST_LISTED = 10

async function rotationText({ type, phase, keys, steps, waiting }: AuthorityRotation): Promise<string> {
  const rows = keys.map(({ state, pin, changed, expires }) => [
    pin,
    STATES[state] ?? state,
    formatTime(changed),
    formatTime(expires),
  ])
  const lines = [`${type}: ${phase}`, '', showTable(['key', 'state', 'since', 'expires'], rows)]
  const [next] = steps
  const command = `mezctl auth rotate --type=${type} --phase`
  if (waiting.length > 0) {
    lines.push('', `These would be locked out by ${next} now. Each renews or expires by itself:`)
    for (const { kind, name, until } of waiting.slice(0, MOST_LISTED))
      lines.push(escapeText(`  ${DEPENDANTS[kind] ?? kind} ${name}, expires ${formatTime(until)}`))
    if (waiting.length > MOST_LISTED)
      lines.push(`  and ${waiting.length - MOST_LISTED} more (--json lists all)`)
  }
  lines.push('')
  if (phase === 'standby') lines.push(`To rotate: ${command} start`)
  else {
    lines.push(`${waiting.length > 0 ? 'Next, once the list is empty' : 'Next'}: ${command} ${next}`)
    lines.push(`To go back: ${command} rollback`)
  }
  return lines.join('\n')
}

async function signingKeysText({ keys }: KeyRotation): Promise<string> {
  const coming = keys.find(({ state }) => state === 'coming')
  const rows = keys.map(({ kid, state, signs_from }) => [kid, state, formatTime(signs_from)])
  const table = showTable(['key', 'state', 'signs from'], rows)
  const signs = coming
    ? `A new key is published and signs ${formatTime(coming.signs_from)}.`
    : 'The newest key signs.'
  return `${table}\n\n${signs} The previous key verifies for another week. There is nothing else to do.`
}

/** The commands of keys by id. */
export const COMMANDS = { 'auth:export': AuthExport, 'auth:rotate': AuthRotate }
