import type { AccessQuery, AccessRequest, Decision, DenialDetails, Vote } from '../../api/decision.ts'
import type { AnyReason, ReasonCode } from '../../api/reasons.ts'
import type { Requirement } from '../../api/requirement.ts'
import type { SatisfiedRequirement } from '../../api/subject.ts'
import { isRoleName } from '../../api/user-name.ts'
import type { Ballots } from '../../kernel/hook.ts'
import { isReasonCode } from '../../kernel/reason.ts'
import { RequestQuery } from './access-request.ts'
import { isMetBy, type Requirements, strictest } from './requirements.ts'

/** A denial by a policy. */
interface Denial extends DenialDetails {
  readonly reason: AnyReason
}

/** The counted ballots, before the subject's met requirements are considered. Frozen. */
export interface Count {
  readonly roles: readonly string[]
  /** Set if the ballots depend on the request. */
  readonly byRequest?: true
  /** By what they depend on it; see `Vote.byRequest`. */
  readonly kindsOf: readonly KindOf[]
  /** The earliest end of a counted vote; `Infinity` if none has an end. */
  readonly until: number
  readonly denial: Denial | null
  /** The rule that a policy named. */
  readonly rule: string | null
  /** Combined as far as their kinds allow. */
  readonly requirements: readonly Requirement[]
  /** What policies said that the subject has met, for requirements of the same name. */
  readonly met: readonly SatisfiedRequirement[]
}

export type KindOf = (request: AccessRequest | null) => unknown

/** The ballot of one tap. `late` is called for a vote after the count that would have mattered. */
export class Ballot implements Vote {
  readonly roles: string[] = []
  /** Roles that count until a time; null while there are none. */
  limited: { readonly role: string; readonly until: number }[] | null = null
  readonly denials: Denial[] = []
  readonly requirements: Requirement[] = []
  /** Null while there are none. */
  met: { readonly entry: SatisfiedRequirement; readonly until: number }[] | null = null
  readonly kindsOf: KindOf[] = []
  named: string | null = null
  #counted = false
  readonly #kinds: Requirements
  readonly #late: () => void
  readonly #query: AccessQuery

  constructor(kinds: Requirements, query: AccessQuery, late: () => void = () => {}) {
    this.#kinds = kinds
    this.#query = query
    this.#late = late
  }

  /** Ignores all further votes. */
  close(): void {
    this.#counted = true
  }

  allow(role: string, limit?: { readonly until: number }): void {
    if (this.#isOver()) return
    if (!isRoleName(role)) throw new TypeError('allow() needs a role name')
    if (limit === undefined) return void this.roles.push(role)
    const { until } = limit
    if (typeof until !== 'number' || Number.isNaN(until)) {
      this.#denyAsFailed()
      throw new TypeError('allow() needs the end as milliseconds since the epoch')
    }
    this.limited ??= []
    this.limited.push({ role, until })
  }

  deny(reason: string, details: DenialDetails = {}): void {
    if (this.#isOver()) return
    const at = this.#denyAsFailed()
    if (!isReasonCode(reason))
      throw new TypeError(
        `deny() needs a reason in snake_case, such as outside_office_hours, not ${JSON.stringify(String(reason))}`,
      )
    this.denials[at] = { reason, ...detailsOf(details) }
  }

  require(requirement: Requirement): void {
    if (this.#isOver()) return
    const { name } = Object(requirement) as { name?: unknown }
    if (typeof name !== 'string' || !this.#kinds.has(name)) {
      this.#denyAsFailed()
      throw new TypeError(
        `require() needs a registered requirement, not ${JSON.stringify(String(name))} (registered: ${[...this.#kinds.keys()].join(', ') || 'none'})`,
      )
    }
    this.requirements.push(Object.freeze({ ...requirement }))
  }

  meet(entry: SatisfiedRequirement, { until }: { readonly until: number } = FOREVER): void {
    if (this.#isOver()) return
    if (typeof Object(entry).name !== 'string' || typeof until !== 'number' || Number.isNaN(until)) {
      this.#denyAsFailed()
      throw new TypeError('meet() needs an entry with a name, and its end as milliseconds since the epoch')
    }
    this.met ??= []
    this.met.push({ entry: Object.freeze({ ...entry }), until })
  }

  rule(name: string): void {
    if (this.#isOver()) return
    if (typeof name !== 'string' || !RULE.test(name)) {
      this.#denyAsFailed()
      throw new TypeError('rule() needs a name of 1 to 256 printable characters')
    }
    this.named = name
  }

  byRequest<Kind>(kindOf: (request: AccessRequest | null) => Kind, cast: (kind: Kind) => void): void {
    if (this.#isOver()) return
    this.kindsOf.push(kindOf)
    cast(kindOf(RequestQuery.requestOf(this.#query)))
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

const FOREVER = { until: Number.POSITIVE_INFINITY }
const RULE = /^[^\p{C}]{1,256}$/u
const LONGEST_MESSAGE = 1_024
const LONGEST_LINK = 2_048

/** Throws `TypeError` for a message or link that a page cannot show. */
function detailsOf({ message, link, status }: DenialDetails): DenialDetails {
  if (status !== undefined && status !== 400) throw new TypeError('deny() needs 400 as its status, or none')
  if (message !== undefined && (typeof message !== 'string' || message.length > LONGEST_MESSAGE))
    throw new TypeError(`deny() needs a message of at most ${LONGEST_MESSAGE} characters`)
  const url = typeof link === 'string' && link.length <= LONGEST_LINK ? URL.parse(link) : null
  if (link !== undefined && url?.protocol !== 'https:' && url?.protocol !== 'mailto:')
    throw new TypeError('deny() needs an https: or mailto: URL as its link')
  return {
    ...(message === undefined ? {} : { message }),
    ...(url === null ? {} : { link: url.href }),
    ...(status === undefined ? {} : { status }),
  }
}

/**
 * Denies if any ballot denies or failed, or if none allows. Closes the ballots. `subjectRoles`: the subject's roles; `now` in
 * milliseconds since the epoch.
 */
export function countBallots(
  { cast, failed }: Ballots<Vote>,
  subjectRoles: readonly string[],
  kinds: Requirements,
  now: number,
): Count {
  const ballots = cast as readonly Ballot[]
  for (const ballot of ballots) ballot.close()
  const limited = ballots.flatMap((ballot) => ballot.limited ?? []).filter(({ until }) => until > now)
  const met = ballots.flatMap((ballot) => ballot.met ?? []).filter(({ until }) => until > now)
  const all = [...ballots.flatMap((ballot) => ballot.roles), ...limited.map(({ role }) => role)]
  const roles = [...new Set(all)].sort()
  const denying = ballots.find((ballot) => ballot.denials.length > 0)
  const unmatched = subjectRoles.length === 0 ? 'role_missing' : 'label_mismatch'
  const denial: Denial | null =
    failed.length > 0
      ? { reason: 'policy_failed' }
      : (denying?.denials[0] ?? (roles.length === 0 ? { reason: unmatched } : null))
  // A rule that allowed says nothing about a request that another policy denied.
  const named = denial === null ? ballots.find((ballot) => ballot.named !== null) : denying
  const required = denial === null ? ballots.flatMap((ballot) => ballot.requirements) : []
  const requirements = strictest(required, kinds)
  return Object.freeze({
    roles: Object.freeze(roles),
    until: Math.min(...[...limited, ...met].map(({ until }) => until)),
    denial: denial && Object.freeze(denial),
    rule: named?.named ?? null,
    kindsOf: Object.freeze(ballots.flatMap((ballot) => ballot.kindsOf)),
    requirements: Object.freeze(requirements),
    met: Object.freeze(met.map(({ entry }) => entry)),
  })
}

const NOTHING = {}

/** The decision for a subject that has met these requirements; `now` in milliseconds since the epoch. */
export function decisionOf(
  count: Count,
  satisfied: readonly SatisfiedRequirement[],
  context: { readonly appId: string; readonly now: number },
  kinds: Requirements,
): Decision {
  const { roles, denial, requirements, until, rule } = count
  const named = rule === null ? NOTHING : { rule }
  if (denial !== null) return denied(denial.reason, denial, named)
  const meets = (entry: SatisfiedRequirement, one: Requirement) => isMetBy(one, entry, context, kinds)
  const isVoted = (one: Requirement) =>
    count.met.some((entry) => entry.name === one.name && meets(entry, one))
  const missing = requirements.filter((one) => !satisfied.some((entry) => meets(entry, one)) && !isVoted(one))
  // A request is read or held only after the person has met everything else.
  const unmet = [
    ...missing.filter(({ perRequest }) => !perRequest),
    ...missing.filter(({ perRequest }) => perRequest),
  ]
  const [first] = unmet
  if (!first) {
    const met = satisfied.filter((entry) => requirements.some((one) => meets(entry, one)))
    return Object.freeze({
      effect: 'allow',
      reason: 'allowed' satisfies ReasonCode,
      roles,
      requirements: [],
      met: Object.freeze(met),
      ...named,
      ...(until === Number.POSITIVE_INFINITY ? {} : { until }),
    })
  }
  const reason = kinds.get(first.name)?.reason ?? ('requirement_unknown' satisfies ReasonCode)
  return Object.freeze({ effect: 'require', reason, roles, requirements: Object.freeze(unmet), ...named })
}

export function denied(
  reason: AnyReason,
  { message, link, status }: DenialDetails = {},
  named: Pick<Decision, 'rule'> = NOTHING,
): Decision {
  return Object.freeze({
    effect: 'deny',
    reason,
    roles: Object.freeze([]),
    requirements: Object.freeze([]),
    ...(message === undefined ? {} : { message }),
    ...(link === undefined ? {} : { link }),
    ...(status === undefined ? {} : { status }),
    ...named,
  })
}
