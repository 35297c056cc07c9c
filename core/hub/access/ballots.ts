import type { Decision, Requirement, Vote } from '../../api/decision.ts'
import type { SatisfiedRequirement } from '../../api/subject.ts'
import type { Ballots } from '../../kernel/hook.ts'
import { isRoleName } from './subject-check.ts'

/** What the taps said, before it is known what the subject has already met. Frozen. */
export interface Verdict {
  readonly roles: readonly string[]
  readonly denial: string | null
  /** The strongest of each name. */
  readonly requirements: readonly Requirement[]
}

/** The ballot of one tap, until it is counted. `late` hears of a vote that was cast afterwards and would have mattered. */
export class Ballot implements Vote {
  readonly roles: string[] = []
  readonly denials: string[] = []
  readonly requirements: Requirement[] = []
  #counted = false
  readonly #late: () => void

  constructor(late: () => void) {
    this.#late = late
  }

  /** Takes no more votes from now on. */
  close(): void {
    this.#counted = true
  }

  allow(role: string): void {
    if (this.#isOver()) return
    if (!isRoleName(role)) throw new TypeError('allow() takes the name of a role')
    this.roles.push(role)
  }

  deny(reason: string): void {
    if (this.#isOver()) return
    this.denials.push(isCode(reason) ? reason : 'denied')
  }

  require(requirement: Requirement): void {
    if (this.#isOver()) return
    // A demand that cannot be read must not be lost.
    const { name } = Object(requirement) as { name?: unknown }
    if (typeof name !== 'string' || !REQUIREMENT.test(name))
      throw new TypeError('require() takes a requirement with its name')
    this.requirements.push(Object.freeze({ ...requirement }))
  }

  #isOver(): boolean {
    // One that has denied can change nothing any more: a tap may deny at a deadline of its own.
    if (this.#counted && this.denials.length === 0) this.#late()
    return this.#counted
  }
}

const LEVELS = ['webauthn', 'hardware_key'] as const
/** Two hubs' clocks may differ this much. */
const CLOCK_SKEW_MS = 5_000
const REASONS: ReadonlyMap<string, string> = new Map([
  ['login', 'login_required'],
  ['session-mfa', 'session_mfa_required'],
  ['trusted-device', 'device_trust_required'],
])
const REQUIREMENT = /^[a-z][a-z0-9-]{0,63}$/

/** Reason codes are `snake_case`: they stand in answers, labels of metrics and the audit. */
const isCode = (reason: unknown): reason is string =>
  typeof reason === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(reason)

/** Any deny denies, a failed ballot denies, no allow denies. Closes the ballots. `subjectRoles` are those of the subject. */
export function combineBallots({ cast, failed }: Ballots<Vote>, subjectRoles: readonly string[]): Verdict {
  const ballots = cast as readonly Ballot[]
  for (const ballot of ballots) ballot.close()
  const roles = [...new Set(ballots.flatMap((ballot) => ballot.roles))].sort()
  const [denial] = ballots.flatMap((ballot) => ballot.denials)
  const noAllow = subjectRoles.length === 0 ? 'role_missing' : 'label_mismatch'
  const reason = failed.length > 0 ? 'policy_failed' : (denial ?? (roles.length === 0 ? noAllow : null))
  const requirements = reason === null ? strongest(ballots.flatMap((ballot) => ballot.requirements)) : []
  return Object.freeze({
    roles: Object.freeze(roles),
    denial: reason,
    requirements: Object.freeze(requirements),
  })
}

/** The decision for a subject that has met these requirements; `now` in milliseconds since the epoch. */
export function decisionOf(
  verdict: Verdict,
  satisfied: readonly SatisfiedRequirement[],
  appId: string,
  now: number,
): Decision {
  const { roles, denial, requirements } = verdict
  if (denial !== null) return denied(denial)
  const unmet = requirements.filter((requirement) => !isMet(requirement, satisfied, appId, now))
  const [asked] = unmet
  if (!asked) {
    const met = satisfied.filter((entry) => requirements.some((one) => meets(one, entry, appId, now)))
    return Object.freeze({
      effect: 'allow',
      reason: 'allowed',
      roles,
      requirements: [],
      met: Object.freeze(met),
    })
  }
  const reason = REASONS.get(asked.name) ?? `${String(asked.name).replaceAll('-', '_')}_required`
  return Object.freeze({ effect: 'require', reason, roles, requirements: Object.freeze(unmet) })
}

export function denied(reason: string, message: string | null = null): Decision {
  const denial = {
    effect: 'deny',
    reason,
    roles: Object.freeze([]),
    requirements: Object.freeze([]),
  } as const
  return Object.freeze(message === null ? denial : { ...denial, message })
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

/** An unknown demand is the strongest, an unknown answer the weakest. */
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
