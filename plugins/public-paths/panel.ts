import type { App } from '@mezite/core'
import type { DashboardPart } from '@mezite/core/types'
import type { Rule } from './rules.ts'

/** The panel on the page of an app: which of its paths are open without a person. */
export function panel(rulesOf: (app: App) => readonly Rule[]): Extract<DashboardPart, { kind: 'panel' }> {
  return {
    kind: 'panel',
    right: 'app.read',
    title: 'Public paths',
    async content(app) {
      const rules = rulesOf(app)
      if (rules.length === 0) return null
      return [
        {
          kind: 'table',
          title: 'Requests without a person',
          columns: ['Rule', 'Methods', 'Paths', 'Who', 'Requests a minute'],
          rows: rules.map(({ name, methods, paths, check, perMinute }) => [
            name,
            methods.join(' '),
            paths.join(' '),
            check.shown,
            perMinute,
          ]),
          empty: '',
        },
      ]
    },
  }
}
