import type { dashboardParts, SlotRef } from '@mezite/core'
import { PAGES } from './messages.ts'
import { type AccessRequest, grantedMs, stateOf } from './request.ts'
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
      right: 'request.list',
      path: 'access-requests',
      title: 'Access requests',
      texts: { de: german },
      async content() {
        const all = await store.list()
        const state = (one: AccessRequest) => stateOf(one, clock.now())
        // Those that wait come first, and among them the one that has waited longest.
        const waiting = all.filter((one) => state(one) === 'pending').reverse()
        const others = all.filter((one) => state(one) !== 'pending')
        return [
          {
            kind: 'table',
            title: 'Access requests',
            columns: ['State', 'Person', 'Access to', 'For', 'Until', 'Reason', 'Asked'],
            rows: [...waiting, ...others].map((one) => [
              { word: state(one), href: `${PAGES}/${one.id}` },
              { text: one.user_name, href: `/web/admin/people/${encodeURIComponent(one.user_name)}` },
              { word: targetOf(texts.en, one) },
              { word: timeOf(one) },
              one.until === null ? null : { time: one.until },
              one.reason,
              { time: one.created },
            ]),
            empty: 'Nobody has asked for access. Roles with `allow.request` let people ask.',
            layout: { rest: 5, phone: { first: 1, firstEnd: 0, second: 2, secondEnd: 5 } },
          },
        ]
      },
    },
    {
      kind: 'person-panel',
      right: 'access.read',
      title: 'Use of roles',
      texts: { de: german },
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
              ...[{ word: source }, apps, lastUsed === null ? { word: 'never' } : { time: lastUsed }],
            ]),
            empty: 'This person has no roles.',
          },
          { kind: 'facts', facts: { 'Recorded since': { time: since } } },
        ]
      },
    },
  ]
}

/** What was granted, and what was asked for if that is more. */
function timeOf(request: AccessRequest): string {
  const [asked, granted] = [showDuration(request.duration), grantedMs(request)]
  if (granted === null || showDuration(granted) === asked) return asked
  return `${showDuration(granted)} (asked for ${asked})`
}

const german = {
  ...texts.de.state,
  'the role {}': 'die Rolle {}',
  'Access requests': 'Anfragen nach Zugang',
  State: 'Zustand',
  'Access to': 'Zugang zu',
  For: 'Für',
  Until: 'Bis',
  Reason: 'Grund',
  Asked: 'Gefragt',
  '{} (asked for {})': '{} (gefragt war {})',
  'Nobody has asked for access. Roles with `allow.request` let people ask.':
    'Niemand hat um Zugang gebeten. Rollen mit `allow.request` erlauben es.',
  'Use of roles': 'Gebrauch der Rollen',
  Role: 'Rolle',
  From: 'Von',
  Applications: 'Anwendungen',
  'Last used': 'Zuletzt benutzt',
  assigned: 'zugewiesen',
  never: 'nie',
  'This person has no roles.': 'Diese Person hat keine Rollen.',
  'Recorded since': 'Aufgezeichnet seit',
}
