import {
  type AdminRights,
  type AdminRule,
  apiRoutes,
  type Subject,
  Type,
  type Users,
  type WebRoutes,
} from '@mezite/core'
import type { Explanations } from '@mezite/core/administration'
import type { LockView } from '@mezite/core/identity'
import { questionReader } from './explained-question.ts'
import { accountSubject, peopleWith } from './right-holders.ts'
import type { Roles } from './roles.ts'

const ADMIN = 'admin'
/** Names of people who have the right, at most. */
const MOST_NAMES = 20

const Query = Type.Closed({
  user: Type.String({ minLength: 1, maxLength: 1_024 }),
  verb: Type.String({ minLength: 1, maxLength: 64, description: 'The verb of the right, such as update' }),
  kind: Type.String({ pattern: '^[a-z][a-z0-9_-]{0,62}$', must: 'a kind such as app' }),
  name: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 300,
      description: 'A thing of the kind, such as an app, whose labels then count',
    }),
  ),
})
const Returned = Type.Object({
  user: Type.String(),
  right: Type.String(),
  effect: Type.String({ description: 'allow, deny, or some: only for the labels of the rules' }),
  locked: Type.Boolean({ description: 'A lock keeps the account from everything' }),
  api: Type.Boolean({
    description: 'False: a bot that its document does not let call the API, so that it has no right',
  }),
  rules: Type.Array(
    Type.Object({
      role: Type.String(),
      effect: Type.String({ description: 'allow or deny' }),
      kinds: Type.Array(Type.String()),
      verbs: Type.Array(Type.String()),
      labels: Type.Nullable(Type.Record(Type.String(), Type.Array(Type.String()))),
    }),
    { description: 'What the roles of the account say about this right' },
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

/** `GET /v1/webapi/access/explain-admin`: whether an account has a right of administration, by which rules, and who has it. */
export function adminExplanationRoute(parts: {
  readonly roles: Roles
  readonly explanations: Pick<Explanations, 'groups'>
  readonly adminRights: Pick<AdminRights, 'covers' | 'declared' | 'may' | 'reach' | 'rowsOf'>
  readonly users: Pick<Users, 'list'>
  readonly locks: Pick<LockView, 'lockFor'>
}): WebRoutes {
  const { roles, adminRights, locks } = parts
  const questions = questionReader(parts)
  const isLocked = (subject: Subject) => locks.lockFor(subject, null) !== null

  return apiRoutes('access', (on) => {
    const route = {
      access: 'access.read',
      summary: 'Whether a person has a right of administration, why, and who has it',
      querystring: Query,
      returns: Returned,
    } as const
    on('GET /explain-admin', route, async (_, { query, subject: caller }) => {
      const right = questions.rightOf(query)
      const { group, account } = await questions.accountOf(caller, query.user)
      const labels = questions.labelsOf(caller, query)
      const subject = accountSubject(account.name, group)
      const api = !account.bot || account.api === true
      const rules = rulesHeld(roles, subject.roles).filter((rule) => concerns(rule, query))
      const may = api && adminRights.may(subject, right, labels)
      const isOpen =
        api &&
        labels === undefined &&
        adminRights.rowsOf(query.kind) !== undefined &&
        rules.some(({ effect }) => effect === 'allow') &&
        !rules.some((rule) => rule.effect === 'deny' && rule.labels === undefined)
      const holders = await peopleWith({ right, ...(labels && { labels }) }, parts)
      return {
        user: account.name,
        right,
        effect: may ? 'allow' : isOpen ? 'some' : 'deny',
        locked: isLocked(subject),
        api,
        rules: rules.map(({ role, effect, kinds, verbs, labels: limit }) => ({
          ...{ role, effect, kinds, verbs },
          labels:
            limit === undefined
              ? null
              : Object.fromEntries(Object.entries(limit).map(([key, value]) => [key, [value].flat()])),
        })),
        holders: holders.slice(0, MOST_NAMES),
        holders_count: holders.length,
      }
    })
  })
}

const has = (list: readonly string[], one: string) => list.includes('*') || list.includes(one)
const concerns = ({ kinds, verbs }: AdminRule, { kind, verb }: { kind: string; verb: string }) =>
  has(kinds, kind) && has(verbs, verb)
