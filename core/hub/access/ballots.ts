import type { Decision, DenialDetails, Requirement, Vote } from '../../api/decision.ts'
import type { SatisfiedRequirement } from '../../api/subject.ts'
import type { Ballots } from '../../kernel/hook.ts'
import { isRoleName } from '../users/role-name.ts'

/** A denial by a policy. */
interface Denial extends DenialDetails {
  readonly reason: string
}

/** The counted ballots, before the subject's met requirements are considered. Frozen. */
export interface Count {
  readonly roles: readonly string[]
  readonly denial: Denial | null
  /** The strongest requirement of each name. */
  readonly requirements: readonly Requirement[]
}

/** The ballot of one tap. `late` is called for a vote after the count that would have mattered. */
export class Ballot implements Vote {
  readonly roles: string[] = []
  readonly denials: Denial[] = []
  readonly requirements: Requirement[] = []
  #counted = false
  readonly #late: () => void

  constructor(late: () => void) {
    this.#late = late
  }

  /** Ignores all further votes. */
  close(): void {
    this.#counted = true
  }

  allow(role: string): void {
    if (this.#isOver()) return
    if (!isRoleName(role)) throw new TypeError('allow() needs a role name')
    this.roles.push(role)
  }

  deny(reason: string, details: DenialDetails = {}): void {
    if (this.#isOver()) return
    const at = this.#denyAsFailed()
    if (typeof reason !== 'string' || !CODE.test(reason))
      throw new TypeError(
        `deny() needs a reason in snake_case, such as outside_office_hours, not ${JSON.stringify(String(reason))}`,
      )
    this.denials[at] = { reason, ...detailsOf(details) }
  }

  require(requirement: Requirement): void {
    if (this.#isOver()) return
    const { name } = Object(requirement) as { name?: unknown }
    if (typeof name !== 'string' || !REQUIREMENT.test(name)) {
      this.#denyAsFailed()
      throw new TypeError('require() needs a requirement with a name')
    }
    this.requirements.push(Object.freeze({ ...requirement }))
  }

  /** An unusable vote denies even when its tap catches the error: it must not become an abstention. */
  #denyAsFailed(): number {
    return this.denials.push({ reason: 'policy_failed' }) - 1
  }

  #isOver(): boolean {
    // Votes after a denial do not matter: a tap may deny at its own deadline and still finish its other work.
    if (this.#counted && this.denials.length === 0) this.#late()
    return this.#counted
  }
}

const LEVELS = ['webauthn', 'hardware_key'] as const
/** How much the clocks of two hubs may differ. */
const CLOCK_SKEW_MS = 5_000
const REASONS: ReadonlyMap<string, string> = new Map([
  ['session-mfa', 'session_mfa_required'],
  ['trusted-device', 'device_trust_required'],
])
const REQUIREMENT = /^[a-z][a-z0-9-]{0,63}$/

/** Reason codes appear in responses, metric labels and audit events. */
const CODE = /^[a-z][a-z0-9_]{0,63}$/
const LONGEST_MESSAGE = 1_024
const LONGEST_LINK = 2_048

/** Throws `TypeError` for a message or link that a page cannot show. */
function detailsOf({ message, link }: DenialDetails): DenialDetails {
  if (message !== undefined && (typeof message !== 'string' || message.length > LONGEST_MESSAGE))
    throw new TypeError(`deny() needs a message of at most ${LONGEST_MESSAGE} characters`)
  const url = typeof link === 'string' && link.length <= LONGEST_LINK ? URL.parse(link) : null
  if (link !== undefined && url?.protocol !== 'https:' && url?.protocol !== 'mailto:')
    throw new TypeError('deny() needs an https: or mailto: URL as its link')
  return { ...(message === undefined ? {} : { message }), ...(url === null ? {} : { link: url.href }) }
}

/** Denies if any ballot denies or failed, or if none allows. Closes the ballots. `subjectRoles`: the subject's roles. */
export function countBallots({ cast, failed }: Ballots<Vote>, subjectRoles: readonly string[]): Count {
  const ballots = cast as readonly Ballot[]
  for (const ballot of ballots) ballot.close()
  const roles = [...new Set(ballots.flatMap((ballot) => ballot.roles))].sort()
  const [denied] = ballots.flatMap((ballot) => ballot.denials)
  const unmatched = subjectRoles.length === 0 ? 'role_missing' : 'label_mismatch'
  const denial =
    failed.length > 0
      ? { reason: 'policy_failed' }
      : (denied ?? (roles.length === 0 ? { reason: unmatched } : null))
  const requirements = denial === null ? strongest(ballots.flatMap((ballot) => ballot.requirements)) : []
  return Object.freeze({
    roles: Object.freeze(roles),
    denial: denial && Object.freeze(denial),
    requirements: Object.freeze(requirements),
  })
}

/** The decision for a subject that has met these requirements; `now` in milliseconds since the epoch. */
export function decisionOf(
  count: Count,
  satisfied: readonly SatisfiedRequirement[],
  appId: string,
  now: number,
): Decision {
  const { roles, denial, requirements } = count
  if (denial !== null) return denied(denial.reason, denial)
  const unmet = requirements.filter((requirement) => !isMet(requirement, satisfied, appId, now))
  const [first] = unmet
  if (!first) {
    const met = satisfied.filter((entry) => requirements.some((one) => meets(one, entry, appId, now)))
    return Object.freeze({
      effect: 'allow',
      reason: 'allowed',
      roles,
      requirements: [],
      met: Object.freeze(met),
    })
  }
  const reason = REASONS.get(first.name) ?? `${String(first.name).replaceAll('-', '_')}_required`
  return Object.freeze({ effect: 'require', reason, roles, requirements: Object.freeze(unmet) })
}

export function denied(reason: string, { message, link }: DenialDetails = {}): Decision {
  return Object.freeze({
    effect: 'deny',
    reason,
    roles: Object.freeze([]),
    requirements: Object.freeze([]),
    ...(message === undefined ? {} : { message }),
    ...(link === undefined ? {} : { link }),
  })
}

function strongest(all: readonly Requirement[]): Requirement[] {
  const byName = new Map<string, Requirement>()
  for (const requirement of all) {
    const other = byName.get(requirement.name)
    byName.set(requirement.name, other ? stronger(other, requirement) : requirement)
  }
  return [...byName.values()]
}

function stronger(a: Requirement, b: Requirement): Requirement {
  if (a.name !== 'session-mfa' || b.name !== 'session-mfa') return a
  return Object.freeze({
    name: 'session-mfa',
    level: rank(a.level) >= rank(b.level) ? a.level : b.level,
    freshnessMs: Math.min(a.freshnessMs, b.freshnessMs),
  })
}

/** An unknown level of a requirement counts as the strongest, so that it is never met by a weaker one. */
const rank = (level: string): number => {
  const at = LEVELS.indexOf(level as (typeof LEVELS)[number])
  return at < 0 ? LEVELS.length : at
}

function isMet(
  requirement: Requirement,
  satisfied: readonly SatisfiedRequirement[],
  appId: string,
  now: number,
): boolean {
  return satisfied.some((entry) => meets(requirement, entry, appId, now))
}

function meets(requirement: Requirement, entry: SatisfiedRequirement, appId: string, now: number): boolean {
  if (entry.name !== requirement.name) return false
  if (requirement.name !== 'session-mfa') return entry.appId === null || entry.appId === appId
  const level = LEVELS.indexOf(entry.level as (typeof LEVELS)[number])
  if (level < 0 || level < rank(requirement.level)) return false
  if (entry.appId === appId) return true
  const age = now - entry.at
  return requirement.freshnessMs > 0 && age <= requirement.freshnessMs && age >= -CLOCK_SKEW_MS
}
