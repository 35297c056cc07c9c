import { catalog, defineHubPlugin, requirements, revisions, roleRules, Type } from '@mezite/core'
import { findings } from '@mezite/core/administration'
import { confirmations } from '@mezite/core/identity'
import type { Requirement, RoleReader } from '@mezite/core/types'
import { createRoleNetworks } from './client-networks.ts'
import { reasons } from './reasons.ts'
import { ruleFaults } from './request-rule.ts'
import { createRuleSet, RULE, type RuleSet } from './rule-set.ts'

/** How much the clocks of two hubs may differ. */
const CLOCK_SKEW_MS = 5_000

/** A passkey that was confirmed a short time ago. */
interface RecentConfirmation extends Requirement {
  readonly name: 'recent-confirmation'
  readonly maxAgeMs: number
}

const Texts = (description: string, most: number) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 1_024 }), { minItems: 1, maxItems: most, description })

/** `app_rules` of roles: methods, paths and queries that are allowed or denied, and a fresh passkey for the dangerous ones. */
export default defineHubPlugin({
  name: 'app-rules',
  api: 1,
  summary: 'Decides requests inside apps by rules of roles',
  needs: { catalog, revisions },
  wants: { confirmations },
  provides: { findings, requirements, roleRules },
  reasons,
  setup({ use, tap, provide }) {
    let reader: RoleReader | undefined
    let rules: RuleSet | undefined
    const networks = createRoleNetworks()
    provide.roleRules(networks.rule)
    provide.roleRules({
      name: RULE,
      description:
        'Requests that the role allows inside its apps, or denies. Without rules under allow: all of them',
      under: ['allow', 'deny'],
      list: true,
      members: {
        name: Type.Optional(
          Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description: 'For records and explanations' }),
        ),
        methods: Texts('GET, HEAD, …; "*": all', 32),
        paths: Texts('/api/**: any number of segments; /users/*/keys: one segment, or a part of it', 100),
        upgrade: Type.Optional(
          Type.Literal('websocket', {
            description:
              'Only openings of WebSockets, whose method is GET. Without it, GET allows none of them',
          }),
        ),
        query: Type.Optional(
          Type.Closed(
            {
              has: Type.Optional(Texts('Names that the query must have', 32)),
              equals: Type.Optional(
                Type.Map(Type.String({ maxLength: 1_024 }), { description: 'Values by name' }),
              ),
            },
            { description: 'Conditions on the query; all must hold' },
          ),
        ),
        require: Type.Optional(
          Type.Closed(
            {
              confirm_within: Type.String({
                description: 'How fresh a confirmation with a passkey must be: 5m',
              }),
            },
            { description: 'What is needed besides' },
          ),
        ),
      },
      faults: ruleFaults,
      attach(roles) {
        reader = roles
        rules = createRuleSet(roles, { revision: () => use.revisions.revision, networks })
      },
    })
    provide.requirements({
      name: 'recent-confirmation',
      reason: 'confirmation_required',
      title: 'Confirm with your passkey',
      detail: 'This needs a fresh confirmation with a passkey, which is not possible here.',
      mfa: true,
      accepts: ['session-mfa'],
      strictest: (a: RecentConfirmation, b: RecentConfirmation) => (a.maxAgeMs <= b.maxAgeMs ? a : b),
      isMetBy: ({ maxAgeMs }: RecentConfirmation, entry, { appId, now }) => {
        const age = now - entry.at
        const isForThis = entry.appId === null || entry.appId === appId
        return entry.name === 'session-mfa' && isForThis && age <= maxAgeMs && age >= -CLOCK_SKEW_MS
      },
    })
    provide.findings({
      name: 'app-rules',
      list: () =>
        [
          ...new Set(
            (reader?.ruled(RULE) ?? []).filter(({ under }) => under === 'allow').map(({ role }) => role),
          ),
        ]
          .filter((role) => !use.catalog.list().some((app) => reader?.reach([role], app).allowed))
          .map((role) => ({
            subject: `role ${role}`,
            message: `its ${RULE} count for no app, since it allows none`,
          })),
    })
    tap.access.decide((query, vote) => rules?.vote(query, vote), { pure: true })
    tap.access.challenge(({ requirement, state }) =>
      requirement.name === 'recent-confirmation' && use.confirmations !== undefined
        ? { location: use.confirmations.pathTo(`/web/continue?state=${encodeURIComponent(state)}`) }
        : null,
    )
  },
})
