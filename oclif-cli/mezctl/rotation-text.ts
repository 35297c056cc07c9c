import { escapeText, showTable, showTime } from '@mezite/cli-shared'

/** Where the rotation of an authority stands. */
export interface AuthorityRotation {
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

/** The keys of the identity assertion. */
export interface KeyRotation {
  readonly type: string
  readonly keys: readonly { readonly kid: string; readonly state: string; readonly signs_from: string }[]
}

const STATES = { active: 'signs', coming: 'trusted, signs after switch', overlap: 'trusted until finish' }
const WAITING = {
  agent: 'agent',
  login: 'msh login of',
  'join-token': 'unused join token',
} as Record<string, string>
const MOST_WAITING = 10

/** What an operator needs to go on: the keys, who would be lost, what to type. */
export async function rotationText({
  type,
  phase,
  keys,
  steps,
  waiting,
}: AuthorityRotation): Promise<string> {
  const lines = [
    `${type}: ${phase}`,
    '',
    await showTable(
      ['key', 'state', 'since', 'expires'],
      keys.map(({ state, pin, changed, expires }) => [
        pin,
        STATES[state] ?? state,
        showTime(changed),
        showTime(expires),
      ]),
    ),
  ]
  const [next] = steps
  if (waiting.length > 0) {
    lines.push('', `${next} would now shut out (they come along by themselves, or their credential ends):`)
    for (const { kind, name, until } of waiting.slice(0, MOST_WAITING))
      lines.push(escapeText(`  ${WAITING[kind] ?? kind} ${name}, which ends ${showTime(until)}`))
    if (waiting.length > MOST_WAITING)
      lines.push(`  and ${waiting.length - MOST_WAITING} more (--json lists all)`)
  }
  lines.push('')
  if (phase === 'standby') lines.push(`To rotate: mezctl auth rotate --type=${type} --phase start`)
  else {
    const when = waiting.length > 0 ? 'Next, when nobody is listed' : 'Next'
    lines.push(`${when}: mezctl auth rotate --type=${type} --phase ${next}`)
    lines.push(`To go back: mezctl auth rotate --type=${type} --phase rollback`)
  }
  return lines.join('\n')
}

export async function signingKeysText({ keys }: KeyRotation): Promise<string> {
  const coming = keys.find(({ state }) => state === 'coming')
  const table = await showTable(
    ['key', 'state', 'signs from'],
    keys.map(({ kid, state, signs_from }) => [kid, state, showTime(signs_from)]),
  )
  const told = coming
    ? `A new key is published and signs ${showTime(coming.signs_from)}.`
    : 'The newest key signs.'
  return `${table}\n\n${told} The one before verifies for a week; nothing else is to be done.`
}
