import type { GivenLabels } from '../../api/audit.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import {
  ADMIN_VERBS,
  type AdminRight,
  type AdminRights,
  type AdminRoles,
  type AdminRule,
  type AdminRules,
  adminRoles,
  type RowAccess,
  type RowLabels,
} from '../../api/rights.ts'
import type { Subject } from '../../api/subject.ts'
import type { Kernel } from '../../kernel/kernel.ts'

/** Whose rights: the roles and the name are all that counts. */
type Holder = Pick<Subject, 'user' | 'roles'>

/** The rights of administrators, as the gate asks for them. */
export interface RunningAdminRights extends AdminRights {
  declare(
    rights: Iterable<AdminRight>,
    rows: ReadonlyMap<string, RowAccess>,
    rightFor: AdminRights['rightFor'],
  ): void
  /** The role by which the holder has a right, for a thing with these labels or for some thing; null: none. */
  roleFor(holder: Holder, right: AdminRight, labels?: RowLabels): string | null
  /**
   * Throws `Problem` 403 `roles_exceed_own` with the first right that somebody would gain, or no longer be denied, by one of the roles or
   * rules, and that the holder lacks. `beside`: roles that the receiver has, whose rules may be about those with the new ones.
   */
  requireCover(
    holder: Holder,
    given: {
      readonly roles: readonly string[]
      readonly rules?: readonly AdminRule[]
      readonly beside?: readonly string[]
      readonly labels?: GivenLabels
    },
  ): void
  /** See `AdminRoles.explainLack`. */
  explainLack(...lack: Parameters<ExplainLack>): ReturnType<ExplainLack> | undefined
}

type ExplainLack = NonNullable<AdminRoles['explainLack']>

const ADMIN = 'admin'
const ACCESS = 'access'
/** In labels of a rule. */
const ROLES = '{{user.roles}}'
const EVERYTHING: AdminRule = { kinds: ['*'], verbs: ['*'] }
const NOTHING: AdminRules = { allow: [], deny: [], leadsTo: [] }
const UNREADABLE: AdminRules = { allow: [EVERYTHING], deny: [EVERYTHING], leadsTo: [] }
const FULL: AdminRules = { allow: [EVERYTHING], deny: [], leadsTo: [] }

/** Decides who may administer what, by what the roles say. */
export function createAdminRights({
  kernel,
}: {
  readonly kernel: Pick<Kernel<HubHooks>, 'service'>
}): RunningAdminRights {
  const declared = new Set<AdminRight>()
  const limited = new Map<string, RowAccess>()
  let rightFor: AdminRights['rightFor'] = () => null
  function rulesOf(role: string): AdminRules {
    if (role === ADMIN) return FULL
    const rules = kernel.service(adminRoles)?.rulesOf(role)
    return rules === null ? UNREADABLE : (rules ?? NOTHING)
  }
  const sideOf = ({ roles }: Holder, side: 'allow' | 'deny') => roles.flatMap((role) => rulesOf(role)[side])

  function reach(holder: Holder, right: AdminRight): ReturnType<AdminRights['reach']> {
    if (holder.roles.includes(ADMIN)) return 'all'
    const denied = sideOf(holder, 'deny').filter((rule) => concerns(rule, right))
    if (denied.some(({ labels }) => labels === undefined)) return 'none'
    const allowed = sideOf(holder, 'allow').filter((rule) => concerns(rule, right))
    if (allowed.length === 0) return 'none'
    return denied.length === 0 && allowed.some(({ labels }) => labels === undefined) ? 'all' : 'some'
  }

  /** The rules of the roles, and of all roles to which they lead. */
  function rulesBehind(roles: Iterable<string>): readonly AdminRule[] {
    const seen = new Set<string>(roles)
    const found: AdminRule[] = []
    // The set grows while it is read.
    for (const role of seen) {
      const { allow, deny, leadsTo } = rulesOf(role)
      found.push(...allow, ...deny)
      for (const next of leadsTo) seen.add(next)
    }
    return found
  }

  /** A rule with labels is covered only by one for all things: whose name `{{user.name}}` would be is not known. */
  function covers(holder: Holder, { kinds, verbs }: AdminRule): boolean {
    if (holder.roles.includes(ADMIN)) return true
    if (sideOf(holder, 'deny').some((rule) => overlap(rule.kinds, kinds) && overlap(rule.verbs, verbs)))
      return false
    const own = sideOf(holder, 'allow').filter(({ labels }) => labels === undefined)
    return kinds.every((kind) =>
      verbs.every((verb) => own.some((rule) => has(rule.kinds, kind) && has(rule.verbs, verb))),
    )
  }

  /** The first rule by which somebody would gain a right over a thing by its labels that the holder did not have. */
  function gainedBy(holder: Holder, { kind, before, after }: GivenLabels): AdminRule | undefined {
    const lacks = ({ verbs }: AdminRule) =>
      ADMIN_VERBS.filter(
        (verb) => has(verbs, verb) && (declared.size === 0 || declared.has(`${kind}.${verb}`)),
      )
        // Over a new thing, what counts is the right that its labels give the one who makes it.
        .some((verb) => !api.may(holder, `${kind}.${verb}`, before ?? after))
    for (const { allow, deny } of kernel.service(adminRoles)?.all() ?? []) {
      const about = (rule: AdminRule, one: RowLabels | undefined, other: RowLabels | undefined) =>
        rule.labels !== undefined && has(rule.kinds, kind) && widens(rule, one, other) && lacks(rule)
      const found =
        allow.find((rule) => about(rule, before, after)) ?? deny.find((rule) => about(rule, after, before))
      if (found) return found
    }
    return undefined
  }

  /** The refusal of a change that gives what the rule allows; it leads to people who have a right of it that the holder lacks. */
  function exceeding(holder: Holder, rule: AdminRule, what: string): Problem {
    const detail = `${what}: ${rule.kinds.join(', ')} (${rule.verbs.join(', ')}).`
    const right = [...declared].find((one) => concerns(rule, one) && reach(holder, one) !== 'all')
    const members = right && { right }
    return Object.assign(problemFor('roles_exceed_own', detail, members), members && { lacks: members })
  }

  const api: RunningAdminRights = {
    reach,
    declare(rights, rows, of) {
      for (const right of rights) declared.add(right)
      for (const [kind, one] of rows) limited.set(kind, one)
      rightFor = of
    },
    declared: () => declared,
    rowsOf: (kind) => limited.get(kind),
    rightFor: (method, path) => rightFor(method, path),
    roleFor(holder, right, labels) {
      if (holder.roles.includes(ADMIN)) return ADMIN
      const fits = (rule: AdminRule) =>
        concerns(rule, right) && (labels === undefined || matches(rule, labels, holder))
      return holder.roles.find((role) => rulesOf(role).allow.some(fits)) ?? null
    },
    may(holder, right, labels) {
      const reached = reach(holder, right)
      if (reached !== 'some' || labels === undefined) return reached === 'all'
      const fits = (rule: AdminRule) => concerns(rule, right) && matches(rule, labels, holder)
      return !sideOf(holder, 'deny').some(fits) && sideOf(holder, 'allow').some(fits)
    },
    explainLack: (...lack) => kernel.service(adminRoles)?.explainLack?.(...lack),
    any: (holder) =>
      sideOf(holder, 'allow').length > 0 &&
      (holder.roles.includes(ADMIN) || !sideOf(holder, 'deny').some(isEverything)),
    roleExists: (role) =>
      role === ADMIN || role === ACCESS || kernel.service(adminRoles)?.rulesOf(role) !== undefined,
    covers: (holder, roles) => rulesBehind(roles).every((rule) => covers(holder, rule)),
    requireCover(holder, { roles, rules = [], beside = [], labels }) {
      if (holder.roles.includes(ADMIN)) return
      const widened = roles.length === 0 ? [] : rulesBehind(beside).filter(namesRoles)
      const lacking = [...rules, ...rulesBehind(roles), ...widened].find((rule) => !covers(holder, rule))
      const gained = labels && gainedBy(holder, labels)
      if (gained)
        throw exceeding(
          holder,
          { ...gained, kinds: [labels.kind] },
          'By these labels somebody would have rights over it that you lack',
        )
      if (lacking)
        throw exceeding(
          holder,
          lacking,
          'This is about rights of administration that you do not have for everything',
        )
    },
  }
  return api
}

/** Without plugins, the role `admin` alone has rights. */
export const adminsOnly = createAdminRights({ kernel: { service: () => undefined } })

const has = (list: readonly string[], one: string): boolean => list.includes('*') || list.includes(one)
const overlap = (one: readonly string[], other: readonly string[]): boolean =>
  one.includes('*') || other.some((each) => has(one, each)) || other.includes('*')
/** Whether a rule is about more things when its holder gets another role. */
const namesRoles = ({ labels = {} }: AdminRule): boolean => Object.values(labels).flat().includes(ROLES)

const isEverything = ({ kinds, verbs, labels }: AdminRule) =>
  labels === undefined && kinds.includes('*') && verbs.includes('*')

function concerns({ kinds, verbs }: AdminRule, right: AdminRight): boolean {
  const dot = right.lastIndexOf('.')
  return has(kinds, right.slice(0, dot)) && has(verbs, right.slice(dot + 1))
}

/** Whether the labels are those of the rule. A rule without labels is about everything. */
function matches({ labels }: AdminRule, own: RowLabels, { user, roles }: Holder): boolean {
  return Object.entries(labels ?? {}).every(([key, wanted]) => {
    if (!Object.hasOwn(own, key)) return false
    const values = [wanted]
      .flat()
      .flatMap((value) => (value === '{{user.name}}' ? [user] : value === ROLES ? roles : [value]))
    return values.includes(own[key] ?? '')
  })
}

/** Whether a rule is about somebody's things with the labels `next` that it was not about for the same people with `last`. */
function widens(rule: AdminRule, last: RowLabels | undefined, next: RowLabels | undefined): boolean {
  const whose = holdersOf(rule, next)
  return whose !== null && whose !== holdersOf(rule, last)
}

/** For whom a rule is about a thing with these labels: by which values in place of its templates; null: for nobody. */
function holdersOf({ labels = {} }: AdminRule, own: RowLabels | undefined): string | null {
  const values: (string | null)[] = []
  for (const [key, wanted] of Object.entries(labels)) {
    if (own === undefined || !Object.hasOwn(own, key)) return null
    const value = own[key] ?? ''
    const list = [wanted].flat()
    if (list.includes(value)) values.push(null)
    else if (list.includes('{{user.name}}') || list.includes(ROLES)) values.push(value)
    else return null
  }
  return JSON.stringify(values)
}
