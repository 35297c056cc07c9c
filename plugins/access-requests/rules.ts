import {
  type App,
  parseDuration,
  ROLE_NAME,
  type roleRules,
  type SlotRef,
  type Subject,
  Type,
} from '@mezite/core'

export type RoleRule = typeof roleRules extends SlotRef<infer R> ? R : never
export type RoleReader = Parameters<RoleRule['attach']>[0]
type RuledRole = ReturnType<RoleReader['ruled']>[number]

export const SHORTEST_MS = 60_000
const LONGEST_MS = 30 * 24 * 3_600_000
const DEFAULT_MS = 8 * 3_600_000
/** Break-glass is for at most an hour, whatever the role says. */
export const BREAK_GLASS_MS = 3_600_000

const Roles = Type.Array(Type.String({ pattern: ROLE_NAME, must: 'the name of a role' }), { maxItems: 100 })

/** `allow.request`: what people with the role may ask for. */
interface RequestValue {
  readonly roles?: readonly string[]
  readonly max_duration?: string
  readonly reason?: 'required' | 'optional'
  readonly approvals?: number
  readonly break_glass?: boolean
}

/** `allow.review`: what people with the role approve. */
interface ReviewValue {
  readonly roles?: readonly string[]
  readonly passkey?: boolean
}

/** One thing that a person may ask for. */
export interface Offer {
  /** The role that lets the person ask. */
  readonly via: string
  /** The role that the person would have. Equal to `via`: the app opens by the labels of the rule. */
  readonly role: string
  readonly maxMs: number
  readonly reasonRequired: boolean
  readonly approvals: number
  readonly breakGlass: boolean
}

/** What a request is about, as far as rules look. */
export interface Wanted {
  readonly role: string
  readonly via: string
  /** Null: the role everywhere. */
  readonly app: App | null
}

/** Reads `allow.request` and `allow.review` of all roles. */
export interface RequestRules {
  readonly entries: readonly RoleRule[]
  readonly roles: Pick<RoleReader, 'exists' | 'reach' | 'require' | 'explain'>
  /** True while some role lets people ask. */
  readonly active: boolean
  /** Whether people with these roles may ask for anything, and whether they approve anything. */
  asks(roles: readonly string[]): boolean
  reviews(roles: readonly string[]): boolean
  /** What people with these roles may ask for at the app, the easiest first. Nothing that a role of theirs denies. */
  forApp(roles: readonly string[], app: App): readonly Offer[]
  forRole(roles: readonly string[], role: string): readonly Offer[]
  /** Roles that people with these roles may ask for. */
  requestable(roles: readonly string[]): readonly string[]
  /** Null: people with these roles do not approve it. `passkey`: only with a passkey. */
  reviewer(roles: readonly string[], wanted: Wanted): { readonly passkey: boolean } | null
  /** Whether the labels of the rule of `via` let people into the app who have a grant for it. */
  opens(via: string, app: App): boolean
  /** Why the app opens by it: the rules and requirements, in the words of `mezctl access explain`. Empty: it does not open. */
  because(wanted: Pick<Wanted, 'role' | 'via'>, app: App): readonly string[]
}

const rolesIn = ({ roles }: Readonly<Record<string, unknown>>): readonly string[] =>
  (roles as readonly string[] | undefined) ?? []

export function createRequestRules(): RequestRules {
  let reader: RoleReader | null = null
  const attach = (roles: RoleReader): void => {
    reader = roles
  }
  const ruled = (rule: string, names: readonly string[]): readonly RuledRole[] =>
    (reader?.ruled(rule) ?? []).filter(({ role }) => names.includes(role))
  const roles: RequestRules['roles'] = {
    exists: (role) => reader?.exists(role) ?? false,
    reach: (names, app) => reader?.reach(names, app) ?? { allowed: false, denied: true },
    require: (role, vote) => reader?.require(role, vote),
    explain: (names, app) => reader?.explain(names, app) ?? [],
  }

  function offer(via: string, role: string, value: RequestValue): Offer {
    return {
      via,
      role,
      maxMs: parseDuration(value.max_duration ?? '') ?? DEFAULT_MS,
      reasonRequired: value.reason !== 'optional',
      approvals: value.approvals ?? 1,
      breakGlass: value.break_glass ?? false,
    }
  }
  const easiestFirst = (a: Offer, b: Offer) => a.approvals - b.approvals || b.maxMs - a.maxMs

  return {
    entries: [
      {
        name: 'request',
        description: 'What people with this role may ask for',
        members: Type.Optionals({
          roles: Roles,
          max_duration: Type.String({
            pattern: '^[0-9]{1,9}(s|m|h|d)$',
            must: 'a duration such as 30m, 8h or 2d',
            description: 'The longest time. Default: 8h',
            examples: ['8h'],
          }),
          reason: Type.Union([Type.Literal('required'), Type.Literal('optional')]),
          approvals: Type.Integer({
            minimum: 1,
            maximum: 10,
            description: 'How many people must approve. Default: 1',
          }),
          break_glass: Type.Boolean({ description: 'Access at once, for at most an hour, with a passkey' }),
        }),
        faults({ max_duration: longest }) {
          const ms = longest === undefined ? DEFAULT_MS : parseDuration(String(longest))
          if (ms !== null && ms >= SHORTEST_MS && ms <= LONGEST_MS) return []
          return [{ path: ['max_duration'], message: 'must be from 1m to 30d' }]
        },
        leadsTo: rolesIn,
        attach,
      },
      {
        name: 'review',
        description: 'What people with this role approve',
        members: Type.Optionals({
          roles: Roles,
          passkey: Type.Boolean({ description: 'Each approval needs a passkey' }),
        }),
        leadsTo: rolesIn,
        attach: () => {},
      },
    ],
    roles,
    get active() {
      return (reader?.ruled('request').length ?? 0) > 0
    },
    asks: (names) => ruled('request', names).length > 0,
    reviews: (names) => ruled('review', names).length > 0,
    forApp(names, app) {
      const offers = ruled('request', names).flatMap((rule) => {
        const value = rule.value as RequestValue
        const byLabels = rule.matches(app) ? [offer(rule.role, rule.role, value)] : []
        const byRole = (value.roles ?? []).filter(
          (role) => roles.exists(role) && roles.reach([role], app).allowed,
        )
        return [...byLabels, ...byRole.map((role) => offer(rule.role, role, value))]
      })
      return offers.filter(({ role }) => !roles.reach([...names, role], app).denied).sort(easiestFirst)
    },
    forRole: (names, role) =>
      ruled('request', names)
        .filter(({ value }) => (value as RequestValue).roles?.includes(role))
        .map((rule) => offer(rule.role, role, rule.value as RequestValue))
        .sort(easiestFirst),
    requestable: (names) => [
      ...new Set(
        ruled('request', names).flatMap(({ value }) =>
          ((value as RequestValue).roles ?? []).filter((role) => roles.exists(role) && !names.includes(role)),
        ),
      ),
    ],
    reviewer(names, { role, via, app }) {
      const covering = ruled('review', names).filter(
        (rule) =>
          (role !== via && (rule.value as ReviewValue).roles?.includes(role)) ||
          (app !== null && rule.matches(app)),
      )
      if (covering.length === 0) return null
      // The strictest of a person's roles counts.
      return { passkey: covering.some(({ value }) => (value as ReviewValue).passkey === true) }
    },
    opens: (via, app) => ruled('request', [via]).some((rule) => rule.matches(app)),
    because({ role, via }, app) {
      const opening =
        role === via
          ? ruled('request', [via]).flatMap((rule) => (rule.matches(app) ? labelsOf(rule.value) : []))
          : roles
              .explain([role], app)
              .flatMap(({ effect, matcher }) => (effect === 'allow' && matcher !== null ? [matcher] : []))
      if (opening.length === 0) return []
      const required: string[] = []
      roles.require(role, { require: ({ name }) => void required.push(`requires ${name}`) })
      return [...opening, ...required].map((line) => `${role}: ${line}`)
    },
  }
}

/** The labels of a request rule, as `mezctl access explain` shows those of `allow`. */
function labelsOf({ app_labels: labels }: RuledRole['value']): readonly string[] {
  return Object.entries(Object(labels) as Record<string, string | readonly string[]>).map(
    ([label, wanted]) => `request ${label}=${typeof wanted === 'string' ? wanted : wanted.join('|')}`,
  )
}

/** Whether the subject is a person who is here, not a program. */
export const isPerson = ({ kind }: Subject): boolean => kind === 'session' || kind === 'certificate'
