import {
  ADMIN_VERBS,
  type AdminRights,
  type AdminRule,
  apiRoutes,
  type Catalog,
  inTurns,
  type Subject,
  Type,
  type WebRoutes,
} from '@mezite/core'
import type { AccountGroup, Explanations } from '@mezite/core/administration'
import type { LockView } from '@mezite/core/identity'
import type { AdminRight, RowLabels } from '@mezite/core/types'
import { problemFor } from './reasons.ts'
import { type Roles, roleNotFound } from './roles.ts'

const ADMIN = 'admin'
/** Names of people who have the right, at most. */
const MOST_NAMES = 20

const Query = Type.Closed({
  user: Type.String({ minLength: 1, maxLength: 1_024 }),
  verb: Type.OneOf([...ADMIN_VERBS]),
  kind: Type.String({ pattern: '^[a-z][a-z0-9_-]{0,62}$', must: 'a kind such as app' }),
  name: Type.Optional(
    Type.String({ minLength: 1, maxLength: 300, description: 'An app or a role, whose labels then count' }),
  ),
})
const Returned = Type.Object({
  user: Type.String(),
  right: Type.String(),
  effect: Type.String({ description: 'allow, deny, or some: only for the labels of the rules' }),
  locked: Type.Boolean({ description: 'A lock keeps the person from everything' }),
  rules: Type.Array(
    Type.Object({
      role: Type.String(),
      effect: Type.String({ description: 'allow or deny' }),
      kinds: Type.Array(Type.String()),
      verbs: Type.Array(Type.String()),
      labels: Type.Nullable(Type.Record(Type.String(), Type.Array(Type.String()))),
    }),
    { description: 'What the roles of the person say about this right' },
  ),
  holders: Type.Array(Type.String(), { description: 'People who have the right for this, at most 20' }),
  holders_count: Type.Integer(),
})

/** One rule about administration, with the role that has it. */
export interface HeldRule extends AdminRule {
  readonly role: string
  readonly effect: 'allow' | 'deny'
}

/** What these roles say about administration. An unreadable role denies everything. */
export function rulesHeld(roles: Pick<Roles, 'items' | 'unreadable'>, held: readonly string[]): HeldRule[] {
  const everything = { kinds: ['*'], verbs: ['*' as const] }
  return held.flatMap((role): HeldRule[] => {
    if (role === ADMIN) return [{ ...everything, role, effect: 'allow' }]
    if (roles.unreadable.has(role)) return [{ ...everything, role, effect: 'deny' }]
    const { allow = [], deny = [] } = roles.items.get(role)?.rights ?? {}
    return [
      ...allow.map((rule) => ({ ...rule, role, effect: 'allow' as const })),
      ...deny.map((rule) => ({ ...rule, role, effect: 'deny' as const })),
    ]
  })
}

/** `GET /v1/webapi/access/explain-admin`: whether a person has a right of administration, by which rules, and who has it. */
export function adminExplanationRoute(parts: {
  readonly roles: Roles
  readonly catalog: Pick<Catalog, 'byName'>
  readonly explanations: Pick<Explanations, 'groups'>
  readonly adminRights: Pick<AdminRights, 'may'>
  readonly locks: Pick<LockView, 'lockFor'>
}): WebRoutes {
  const { roles, catalog, explanations, adminRights, locks } = parts

  /** Undefined: nothing is named, or labels of this kind are not known here. Throws `Problem` 404. */
  function labelsOf(kind: string, name: string | undefined): RowLabels | undefined {
    if (name === undefined) return undefined
    if (kind === 'app') {
      const app = catalog.byName(name)
      if (app) return app.labels
      throw problemFor('app_not_found', `There is no app ${name}; \`mezctl apps ls\` lists them.`)
    }
    if (kind !== 'role') return undefined
    const role = roles.items.get(name)
    if (role === undefined) throw roleNotFound(name)
    return role.document.metadata.labels ?? {}
  }
  const isLocked = (subject: Subject) => locks.lockFor(subject, null) !== null

  return apiRoutes('access', (on) => {
    const route = {
      access: 'access.read',
      summary: 'Whether a person has a right of administration, why, and who has it',
      querystring: Query,
      returns: Returned,
    } as const
    on('GET /explain-admin', route, async (_, { query }) => {
      const right: AdminRight = `${query.kind}.${query.verb}`
      const [group] = await explanations.groups(query.user)
      const account = group?.accounts[0]
      if (group === undefined || account === undefined || account.bot)
        throw problemFor('user_not_found', `There is no user ${query.user}; \`mezctl users ls\` lists them.`)
      const labels = labelsOf(query.kind, query.name)
      const subject = subjectOf(account.name, group)
      const rules = rulesHeld(roles, subject.roles).filter((rule) => concerns(rule, query))
      const may = adminRights.may(subject, right, labels)
      const isOpen =
        labels === undefined &&
        rules.some(({ effect }) => effect === 'allow') &&
        !rules.some((rule) => rule.effect === 'deny' && rule.labels === undefined)
      const holders: string[] = []
      for (const each of await explanations.groups())
        for await (const { name, bot } of inTurns(each.accounts)) {
          const other = subjectOf(name, each)
          if (!bot && adminRights.may(other, right, labels) && !isLocked(other)) holders.push(name)
        }
      return {
        user: account.name,
        right,
        effect: may ? 'allow' : isOpen ? 'some' : 'deny',
        locked: isLocked(subject),
        rules: rules.map(({ role, effect, kinds, verbs, labels: limit }) => ({
          ...{ role, effect, kinds, verbs },
          labels:
            limit === undefined
              ? null
              : Object.fromEntries(Object.entries(limit).map(([key, value]) => [key, [value].flat()])),
        })),
        holders: holders.toSorted().slice(0, MOST_NAMES),
        holders_count: holders.length,
      }
    })
  })
}

/** The account as the guard asks about it: a role for some apps only gives no right of administration. */
function subjectOf(user: string, { roles, grants }: Pick<AccountGroup, 'roles' | 'grants'>): Subject {
  const granted = grants.flatMap(({ role, apps }) => (apps === null ? [role] : []))
  const all = [...new Set([...roles, ...granted])].sort()
  return { user, roles: all, kind: 'session', sessionId: null, satisfied: [] }
}

const has = (list: readonly string[], one: string) => list.includes('*') || list.includes(one)
const concerns = ({ kinds, verbs }: AdminRule, { kind, verb }: { kind: string; verb: string }) =>
  has(kinds, kind) && has(verbs, verb)
