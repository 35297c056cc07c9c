import type { dashboardParts, SlotRef } from '@mezite/core'
import { PAGES } from './messages.ts'
import { stateOf } from './request.ts'
import type { ReviewAccess } from './review.ts'
import type { RequestStore } from './store.ts'
import { showDuration, targetOf, texts } from './texts.ts'

type Part = typeof dashboardParts extends SlotRef<infer P> ? P : never

/** The page with all requests, and the review of standing access on the page of a person. */
export function dashboardPartsOf(parts: {
  readonly store: Pick<RequestStore, 'list'>
  readonly review: ReviewAccess
  readonly clock: { now(): number }
}): readonly Part[] {
  const { store, review, clock } = parts
  return [
    {
      kind: 'page',
      path: 'access-requests',
      title: 'Access requests',
      async content() {
        const all = await store.list()
        return [
          {
            kind: 'table',
            title: 'Access requests',
            columns: ['State', 'Person', 'Access to', 'For', 'Reason', 'Asked'],
            rows: all.map((one) => [
              { text: stateOf(one, clock.now()), href: `${PAGES}/${one.id}` },
              ...[one.user_name, targetOf(texts.en, one), showDuration(one.duration), one.reason],
              { time: one.created },
            ]),
            empty: 'Nobody has asked for access. Roles with `allow.request` let people ask.',
          },
        ]
      },
    },
    {
      kind: 'person-panel',
      title: 'Use of roles',
      async content(person) {
        const { since, rows: all } = await review(person)
        const rows = await Array.fromAsync(all)
        if (rows.length === 0) return null
        return [
          {
            kind: 'table',
            title: 'Use of roles',
            columns: ['Role', 'From', 'Applications', 'Last used'],
            rows: rows.map(({ role, source, apps, lastUsed }) => [
              { text: role, href: `/web/admin/roles/${role}` },
              ...[source, apps, lastUsed === null ? 'never' : { time: lastUsed }],
            ]),
            empty: 'This person has no roles.',
          },
          { kind: 'facts', facts: { 'Recorded since': { time: since } } },
        ]
      },
    },
  ]
}
