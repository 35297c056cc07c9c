import type { App } from '@mezite/core'
import type { DashboardPart, RecordedRequests, RuledRole } from '@mezite/core/types'
import { compileRule, placesOf, type RuleValue } from './request-rule.ts'

/** The panel on the page of an app: the rules of roles about it, and whom they have decided about in the last day. */
export function rulesPanel(rooms: {
  readonly ruled: () => readonly RuledRole[]
  /** Whether the role allows the app. */
  readonly reaches: (role: string, app: App) => boolean
  readonly recorded: RecordedRequests | undefined
}): Extract<DashboardPart, { kind: 'panel' }> {
  return {
    kind: 'panel',
    // It says what people did.
    right: 'audit.list',
    title: 'Rules inside the app',
    texts: { de: german },
    async content(app) {
      const rules = placesOf(rooms.ruled()).filter(
        ({ of: { role, under, value, matches } }) =>
          (value.app_labels === undefined || matches(app)) && (under === 'deny' || rooms.reaches(role, app)),
      )
      if (rules.length === 0) return null
      const { requests, complete } = (await rooms.recorded?.ofLastDay(app.name)) ?? NONE
      const hits = new Map<string, { count: number; readonly users: Set<string> }>()
      for (const { rule, user } of requests) {
        if (rule === null) continue
        const known = hits.get(rule) ?? { count: 0, users: new Set() }
        known.count += 1
        known.users.add(user)
        hits.set(rule, known)
      }
      return [
        {
          kind: 'table',
          title: complete
            ? 'Rules, with the requests of the last day that they decided'
            : `Rules, with those of the newest ${requests.length} requests that they decided`,
          columns: ['Rule', 'Role', 'Effect', 'Methods', 'Paths', 'Needs', 'Requests', 'People'],
          rows: rules.map(({ of, at }) => {
            const { role, under } = of
            const { methods, paths, upgrade, require: demand } = of.value as unknown as RuleValue
            const { name } = compileRule(of, at)
            const hit = hits.get(name)
            return [
              name,
              { text: role, href: `/web/admin/roles/${encodeURIComponent(role)}` },
              { word: under === 'allow' ? 'allows' : 'denies' },
              upgrade === undefined ? methods.join(' ') : 'WebSocket',
              paths.join(' '),
              demand?.confirm_within === undefined
                ? null
                : { word: `passkey within ${demand.confirm_within}` },
              // The trail has the path of a denied request in no record of its own.
              rooms.recorded === undefined || under === 'deny' ? null : (hit?.count ?? 0),
              rooms.recorded === undefined || under === 'deny' ? null : (hit?.users.size ?? 0),
            ]
          }),
          empty: '',
        },
      ]
    },
  }
}

const NONE = { requests: [], complete: true }

const german = {
  'Rules inside the app': 'Regeln in der Anwendung',
  'Rules, with the requests of the last day that they decided':
    'Regeln, mit den Anfragen des letzten Tages, die sie entschieden haben',
  'Rules, with those of the newest {} requests that they decided':
    'Regeln, mit denen der neuesten {} Anfragen, die sie entschieden haben',
  Rule: 'Regel',
  Role: 'Rolle',
  Effect: 'Wirkung',
  Methods: 'Methoden',
  Paths: 'Pfade',
  Needs: 'Verlangt',
  Requests: 'Anfragen',
  People: 'Personen',
  allows: 'erlaubt',
  denies: 'verbietet',
  'passkey within {}': 'Passkey innerhalb von {}',
}
