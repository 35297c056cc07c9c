import type { AccessQuery, Vote } from '@mezite/core'
import type { AccessRequest } from './request.ts'
import type { RequestRules } from './rules.ts'

/**
 * Votes for a person who got access to an app by the labels of a rule: the grant gives the role that let the person ask,
 * at this app alone, and the rule lets in. The options of that role apply, such as a passkey.
 */
export function createLabelAccess(rules: RequestRules, byGrant: (id: string) => AccessRequest | undefined) {
  return ({ subject, app }: AccessQuery, vote: Vote): void => {
    for (const { id, role, apps, until } of subject.grants ?? []) {
      const request = byGrant(id)
      if (request?.via !== role || !apps?.includes(app.id)) continue
      const opens = rules.opens(role, app)
      vote.explain?.({
        role,
        effect: opens ? 'allow' : 'none',
        label: null,
        value: null,
        matcher: opens ? `grant ${id}` : 'the role no longer lets people ask for this app',
      })
      if (!opens) continue
      vote.allow(role, { until })
      rules.roles.require(role, vote)
    }
  }
}
